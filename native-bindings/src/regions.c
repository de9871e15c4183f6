/*
 * Regions of files to sockets, without a copy. Small ones leave by sendfile. That moves sixteen pages at a time, however,
 * and on the way of each sixteen the socket is locked, pushed and its reader woken; so a large region goes through a pipe of
 * a mebibyte, which takes 256 pages in one go and gives them to the socket in another.
 *
 * A kernel has a few such pipes. A socket holds one from its first splice until the pipe is empty; what the socket did not
 * take stays in it, for the next time. Where all are taken, or none can be had (descriptors, the limit of pages in pipes
 * per user), sendfile does it as well. A pipe that its socket has left full is taken from it when others want one.
 */
#include "kernel.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Below that, four system calls cost more than what the pipe spares. */
#define PIPED_BYTES_MIN (192 << 10)
#define PIPE_BYTES (1 << 20)
#define PIPE_BYTES_MIN (256 << 10)
/* A pipe that nothing left for so many turns is its socket's no longer. */
#define STUCK_TURNS 64
/* Who has taken so many is a reader of large regions, and has a send buffer so many times as long; not more than so many do. */
#define REGIONS_OF_A_READER 8
#define READER_FACTOR 4
#define WIDE_MAX 64

static void shut(pb_pipe *p) {
  close(p->in);
  close(p->out);
  p->in = p->out = 0;
  p->room = 0;
  p->bytes = 0;
}

/* A pipe large enough to be worth it, or none: 0, or -1. */
static int open_pipe(pb_pipe *p) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
  p->out = ends[0];
  p->in = ends[1];
  int room = fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES);
  if (room < 0) room = fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES_MIN);
  if (room < 0) {
    shut(p);
    return -1;
  }
  p->room = room;
  p->bytes = 0;
  return 0;
}

void pb_leave_pipe(pb_kernel *k, pb_socket *s) {
  if (s->pipe == 0) return;
  pb_pipe *p = &k->pipes[s->pipe - 1];
  if (p->bytes > 0) shut(p);
  p->socket = NULL;
  s->pipe = 0;
}

void pb_close_pipes(pb_kernel *k) {
  for (int i = 0; i < PB_PIPES_MAX; i++)
    if (k->pipes[i].room > 0) shut(&k->pipes[i]);
}

/* An address without its port, and of IPv4 the same by whichever socket it came. */
static bool is_here(int fd) {
  struct sockaddr_storage us, them;
  socklen_t ours = sizeof us, theirs = sizeof them;
  if (getsockname(fd, (struct sockaddr *)&us, &ours) < 0 || getpeername(fd, (struct sockaddr *)&them, &theirs) < 0)
    return false;
  if (us.ss_family == AF_INET && them.ss_family == AF_INET)
    return ((struct sockaddr_in *)&us)->sin_addr.s_addr == ((struct sockaddr_in *)&them)->sin_addr.s_addr;
  if (us.ss_family != AF_INET6 || them.ss_family != AF_INET6) return false;
  return memcmp(&((struct sockaddr_in6 *)&us)->sin6_addr, &((struct sockaddr_in6 *)&them)->sin6_addr, 16) == 0;
}

/*
 * Pages of a file in a send buffer are not copies, so a longer one costs nothing and lets more leave at once. They cannot be
 * reclaimed while they lie there, however, so that much of it is for a few, who have shown that they read.
 */
static void widen(const pb_kernel *k, const pb_socket *s, int factor) {
  int bytes = k->region_buffer_bytes * factor;
  if (bytes > 0) setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/*
 * Once a socket, when its first large region leaves. Where the system paces what is sent (bbr), a peer on this machine is the
 * exception: there is no line between to measure, and the timers of pacing cost more than they can be worth there.
 */
static void prepare(const pb_kernel *k, pb_socket *s) {
  char control[16] = "";
  socklen_t length = sizeof control - 1;
  widen(k, s, 1);
  if (getsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, control, &length) < 0 || strcmp(control, "bbr") != 0) return;
  if (is_here(s->fd)) setsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

/* Of the pipes without a socket an open one, else one that can be opened, else one whose socket is stuck; NULL: none. */
static pb_pipe *pipe_for(pb_kernel *k, pb_socket *s) {
  pb_pipe *found = NULL;
  for (int i = 0; i < PB_PIPES_MAX; i++) {
    pb_pipe *p = &k->pipes[i];
    if (p->socket == NULL && (found == NULL || p->room > found->room)) found = p;
  }
  for (int i = 0; i < PB_PIPES_MAX && found == NULL; i++)
    if (k->turn - k->pipes[i].turn > STUCK_TURNS && !k->pipes[i].socket->is_lent) found = &k->pipes[i];
  if (found == NULL || (found->room == 0 && (int32_t)(k->turn - k->pipes_from_turn) < 0)) return NULL;
  if (found->socket != NULL) pb_leave_pipe(k, found->socket);
  if (found->room == 0 && open_pipe(found) < 0) {
    k->pipes_from_turn = k->turn + STUCK_TURNS;
    return NULL;
  }
  found->socket = s;
  found->turn = k->turn;
  s->pipe = (uint8_t)(found - k->pipes + 1);
  return found;
}

/* What was read ahead of the socket is of this region; were it not, it must not be sent. */
static bool fits(const pb_pipe *p, const pb_socket *s) {
  return p->file == s->send_file && p->position == s->send_position && p->bytes <= s->send_length;
}

/* splice, again when a signal came between: bytes, or -errno; -EIO where there is nothing (the file ended before the region). */
static ssize_t move(int from, off_t *position, int to, size_t bytes, unsigned flags) {
  ssize_t moved;
  do moved = splice(from, position, to, NULL, bytes, flags);
  while (moved < 0 && errno == EINTR);
  return moved < 0 ? -errno : moved == 0 ? -EIO : moved;
}

/* Reads on where the region stands after `sent` bytes: bytes, or -errno. */
static ssize_t fill(const pb_socket *s, pb_pipe *p, int32_t sent, int32_t wanted) {
  off_t position = s->send_position + sent;
  p->file = s->send_file;
  p->position = position;
  ssize_t moved = move(s->send_file, &position, p->in, (size_t)(wanted < p->room ? wanted : p->room), 0);
  if (moved > 0) p->bytes = (int32_t)moved;
  return moved;
}

/* Gives the socket what it takes of the pipe: bytes, or -errno. */
static ssize_t drain(const pb_socket *s, pb_pipe *p, bool has_more) {
  ssize_t moved = move(p->out, NULL, s->fd, (size_t)p->bytes, has_more ? SPLICE_F_MORE : 0);
  if (moved < 0) return moved;
  p->bytes -= (int32_t)moved;
  p->position += moved;
  return moved;
}

/* Fills the pipe and empties it, until the region is sent or the socket full. */
int32_t pb_send_piped(const pb_socket *s, pb_pipe *p) {
  int32_t sent = 0;
  ssize_t moved = 0;
  bool has_more = s->sending == PB_KERNEL_SEND_FILE_MORE;
  do {
    int32_t wanted = s->send_length - sent;
    if (p->bytes == 0) moved = fill(s, p, sent, wanted);
    if (moved >= 0) moved = drain(s, p, has_more || p->bytes < wanted);
    if (moved < 0) break;
    sent += (int32_t)moved;
  } while (sent < s->send_length && p->bytes == 0);
  return sent > 0 ? sent : (int32_t)moved;
}

void pb_settle_pipe(pb_kernel *k, pb_socket *s) {
  pb_pipe *p = &k->pipes[s->pipe - 1];
  p->turn = k->turn;
  if (p->bytes == 0) pb_leave_pipe(k, s);
}

bool pb_has_pipe(pb_kernel *k, pb_socket *s) {
  if (s->pipe > 0 && fits(&k->pipes[s->pipe - 1], s)) return true;
  pb_leave_pipe(k, s);
  if (s->send_length < PIPED_BYTES_MIN) return false;
  if (s->regions < REGIONS_OF_A_READER) {
    s->regions++;
    if (s->regions == 1) prepare(k, s);
    if (s->regions == REGIONS_OF_A_READER && k->wide_count < WIDE_MAX) {
      widen(k, s, READER_FACTOR);
      s->flags |= PB_IS_WIDE;
      k->wide_count++;
    }
  }
  return pipe_for(k, s) != NULL;
}

/*
 * There is no sendfile among the operations of io_uring, and its splice goes by way of another thread, so both paths call
 * this themselves.
 */
static int32_t send_now(pb_kernel *k, pb_socket *s) {
  if (pb_has_pipe(k, s)) {
    int32_t result = pb_send_piped(s, &k->pipes[s->pipe - 1]);
    pb_settle_pipe(k, s);
    return result;
  }
  off_t position = s->send_position;
  ssize_t sent;
  do sent = sendfile(s->fd, s->send_file, &position, (size_t)s->send_length);
  while (sent < 0 && errno == EINTR);
  /* The file ended before the region did: whoever promised the region was wrong, and going on would go on forever. */
  return sent < 0 ? -errno : sent == 0 ? -EIO : (int32_t)sent;
}

/* It must not wait, which on a socket without O_NONBLOCK takes two more system calls (about 210 ns together). */
int32_t pb_send_file(pb_kernel *k, pb_socket *s) {
  if (k->is_nonblocking) return send_now(k, s);
  fcntl(s->fd, F_SETFL, O_RDWR | O_NONBLOCK);
  int32_t result = send_now(k, s);
  fcntl(s->fd, F_SETFL, O_RDWR);
  return result;
}
