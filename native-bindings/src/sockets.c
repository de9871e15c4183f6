/*
 * Sockets: listening, names, the table of them. Called by the exports in kernel.c and by both paths, always on
 * the thread of the kernel they work for.
 */
#include "kernel.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

/* A bound socket that does not listen yet, or -errno. */
static int bind_one(const struct addrinfo *to) {
  int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (to->ai_family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(fd, to->ai_addr, to->ai_addrlen) < 0) {
    int problem = errno;
    close(fd);
    return -problem;
  }
  return fd;
}

static int listen_at(const struct addrinfo *to, int32_t backlog, int32_t send_buffer_bytes) {
  int fd = bind_one(to);
  if (fd < 0) return fd;
  /* Accepted sockets inherit all of it, so that accepting costs no further system call. */
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (send_buffer_bytes > 0) set(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
  if (listen(fd, backlog) == 0) return fd;
  int problem = errno;
  close(fd);
  return -problem;
}

/*
 * Resolves (which may take long: this is for start-up) and listens at the first address that works. No host means every
 * address, IPv6 and IPv4 by one socket where the machine has IPv6. Returns a descriptor or -errno.
 */
int pb_listen(const char *host, int32_t port, int32_t backlog, int32_t send_buffer_bytes) {
  struct addrinfo hints, *found = NULL;
  char service[16];
  bool is_any = host[0] == 0;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_family = is_any ? AF_INET6 : AF_UNSPEC;
  snprintf(service, sizeof service, "%d", port);
  int problem = getaddrinfo(is_any ? "::" : host, service, &hints, &found);
  if (problem != 0) return -(PB_LISTEN_UNRESOLVED + (problem < 0 ? -problem : problem));
  int result = -EADDRNOTAVAIL;
  for (const struct addrinfo *to = found; to != NULL; to = to->ai_next) {
    result = listen_at(to, backlog, send_buffer_bytes);
    if (result >= 0 || result == -EADDRINUSE || result == -EACCES) break;
  }
  freeaddrinfo(found);
  if (is_any && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL))
    return pb_listen("0.0.0.0", port, backlog, send_buffer_bytes);
  return result;
}

/* "address port" of one side of a socket, IPv4 also where it came in through IPv6. Bytes of text, or -errno. */
int pb_name(int fd, bool of_peer, char *text, size_t room) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  int result = of_peer ? getpeername(fd, (struct sockaddr *)&name, &length)
                       : getsockname(fd, (struct sockaddr *)&name, &length);
  if (result < 0) return -errno;
  char address[INET6_ADDRSTRLEN];
  int port = 0;
  if (name.ss_family == AF_INET) {
    struct sockaddr_in *in = (struct sockaddr_in *)&name;
    inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
    port = ntohs(in->sin_port);
  } else if (name.ss_family == AF_INET6) {
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&name;
    if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
      inet_ntop(AF_INET, &in->sin6_addr.s6_addr[12], address, sizeof address);
    else
      inet_ntop(AF_INET6, &in->sin6_addr, address, sizeof address);
    port = ntohs(in->sin6_port);
  } else {
    return -EAFNOSUPPORT;
  }
  int written = snprintf(text, room, "%s %d", address, port);
  return written < 0 || (size_t)written >= room ? -ENOSPC : written;
}

/* Gives a descriptor a place in the table; -1 when the table is full. */
int32_t pb_adopt(pb_kernel *k, int fd) {
  int32_t index = k->first_free;
  if (index >= 0)
    k->first_free = k->sockets[index].next_free;
  else if (k->untouched < k->sockets_max)
    index = k->untouched++;
  else
    return -1;
  pb_socket *s = &k->sockets[index];
  memset(s, 0, sizeof *s);
  s->fd = fd;
  s->flags = PB_IS_WRITABLE;
  return index;
}

/* Frees the place and returns the descriptor, open; nothing is under way on the socket any more. */
int pb_give_away(pb_kernel *k, int32_t socket) {
  pb_socket *s = &k->sockets[socket];
  int fd = s->fd;
  pb_leave_pipe(k, s);
  if (s->flags & PB_IS_WIDE) k->wide_count--;
  s->fd = -1;
  s->next_free = k->first_free;
  k->first_free = socket;
  return fd;
}

/* The same, and closes it. */
void pb_release(pb_kernel *k, int32_t socket) { close(pb_give_away(k, socket)); }

/* NULL when there is no such socket. */
pb_socket *pb_socket_of(pb_kernel *k, int32_t socket) {
  if (socket < 0 || socket >= k->untouched || k->sockets[socket].fd < 0) return NULL;
  return &k->sockets[socket];
}

bool pb_is_passing(int problem) {
  return problem == ECONNABORTED || problem == EINTR || problem == EPROTO || problem == EPERM || problem == ENETDOWN ||
         problem == ENOPROTOOPT || problem == EHOSTDOWN || problem == ENONET || problem == EHOSTUNREACH ||
         problem == EOPNOTSUPP || problem == ENETUNREACH;
}
