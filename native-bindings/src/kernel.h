/*
 * The kernel of one front: its sockets, what is under way on each, and the two tables that it shares with TypeScript.
 * io_uring (uring.c) and epoll (epoll.c) are two bodies of one face; sockets.c has what both need.
 *
 * A kernel belongs to the thread that opened it: only that thread calls it. Memory of the two tables, and memory that
 * an operation works on, belongs to TypeScript, which keeps it reachable: the tables until the kernel is closed, the
 * rest until the operation has completed.
 */
#ifndef PERFBROKER_KERNEL_H
#define PERFBROKER_KERNEL_H

#include "addon.h"
#include "layout.h"

#include <sys/types.h>

typedef struct {
  int32_t op;
  int32_t socket;
  int32_t length;
  int32_t file;
  double address;
  double position;
} pb_submission;

typedef struct {
  int32_t op;
  int32_t socket;
  int32_t result;
} pb_completion;

_Static_assert(sizeof(pb_submission) == PB_SUBMISSION_BYTES, "a submission has the layout of layout.ts");
_Static_assert(sizeof(pb_completion) == PB_COMPLETION_WORDS * 4, "a completion has the layout of layout.ts");

/* What is known of a socket. READABLE and WRITABLE: no operation has said EAGAIN since the kernel last said so. */
enum { PB_IS_READABLE = 1, PB_IS_WRITABLE = 2, PB_IS_HUNG_UP = 4, PB_IS_CLOSING = 8, PB_IS_WIDE = 16 };

typedef struct {
  int32_t fd; /* -1: free */
  uint8_t receiving; /* 0, PB_KERNEL_RECEIVE or PB_KERNEL_READABLE */
  uint8_t sending; /* 0, PB_KERNEL_SEND, PB_KERNEL_SEND_MORE, or PB_KERNEL_SEND_FILE with or without _MORE */
  uint8_t flags;
  bool is_lent; /* its send is listed, or with the sender */
  uint8_t regions; /* large ones that were begun, no more counted than matter */
  uint8_t pipe; /* of the kernel's pipes the one it holds, from 1; 0: none */
  int32_t receive_length;
  int32_t send_length;
  void *receive_address;
  void *send_address;
  off_t send_position;
  int32_t send_file;
  int32_t next_free;
  uint32_t send_turn; /* in which the send under way was submitted */
} pb_socket;

/* Between files and sockets; `bytes` of the file from `position` on are in it. */
typedef struct {
  int in, out;
  int32_t room; /* 0: not open */
  int32_t bytes;
  int32_t file;
  uint32_t turn; /* of the last use */
  off_t position;
  pb_socket *socket; /* NULL: it is free, and empty */
} pb_pipe;

typedef struct pb_sender pb_sender;

/* Sends that may be listed, or lent to the sender, at a time. */
#define PB_LENT_MAX 64

/* Of a mebibyte each, and a user without privileges may have 64 such in all. */
#define PB_PIPES_MAX 16

typedef struct {
  int32_t fd; /* -1: none */
  bool is_accepting;
  bool is_armed; /* the ring has an accept of it */
} pb_listener;

typedef struct pb_kernel pb_kernel;

typedef struct {
  /* All return 0 or more, or -errno. */
  int (*open)(pb_kernel *k);
  int (*turn)(pb_kernel *k, int32_t count, double wait_ms);
  /* A socket of the table comes in, or is about to leave with nothing under way. */
  int (*enter)(pb_kernel *k, int32_t socket);
  void (*leave)(pb_kernel *k, int32_t socket);
  /* What came of the send of a region that was listed: bytes, or -errno. */
  void (*sent)(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result);
  /* Ends everything that is under way; the sockets are closed by the caller. */
  void (*close)(pb_kernel *k);
} pb_path;

extern const pb_path pb_epoll_path;
extern const pb_path pb_uring_path;

struct pb_kernel {
  const pb_path *path;
  void *state; /* of the path */
  int32_t features;
  int32_t event_fd;
  bool owns_event_fd;
  bool is_nonblocking; /* sockets have O_NONBLOCK */

  const pb_submission *submissions;
  int32_t submissions_max;
  pb_completion *completions;
  int32_t completions_max;
  int32_t done; /* completions of this turn */
  int32_t kept; /* of them, sends that left whole in the turn that submitted them, where those do not end its wait */
  bool keeps_sends;
  int32_t wide_count; /* sockets that have a long send buffer */
  int32_t region_buffer_bytes; /* SO_SNDBUF of sockets that send large regions, more once they take many; 0: as it is */
  uint32_t turn;

  pb_socket *sockets;
  int32_t sockets_max;
  int32_t first_free; /* -1: none */
  int32_t untouched; /* sockets from here on were never used */
  pb_listener listeners[PB_KERNEL_LISTENERS_MAX];
  pb_pipe pipes[PB_PIPES_MAX];
  pb_sender *sender; /* NULL: none yet */
  bool has_no_sender; /* it was tried to make one */
  bool has_slept; /* in this turn, or until now in the last one */
  int32_t lent_count;
  int32_t listed_count;
  int32_t listed[PB_LENT_MAX];
  uint32_t pipes_from_turn; /* none could be had lately; not tried before this turn */
};

/* A turn never makes more completions than that for one socket: a receive, a send, a closing, an accept. */
#define PB_COMPLETIONS_PER_SOCKET 4

static inline void pb_push(pb_kernel *k, int32_t op, int32_t socket, int32_t result) {
  if (k->done >= k->completions_max) return; /* cannot be: the table has room for all that can be under way */
  pb_completion *c = &k->completions[k->done++];
  c->op = op;
  c->socket = socket;
  c->result = result;
}

/* The send under way on a socket ends. */
static inline void pb_end_send(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  if (k->keeps_sends && s->send_turn == k->turn && s->sending == PB_KERNEL_SEND && result == s->send_length) k->kept++;
  s->sending = 0;
  pb_push(k, PB_KERNEL_SEND, socket, result);
}

/* sockets.c */
int pb_listen(const char *host, int32_t port, int32_t backlog, int32_t send_buffer_bytes);
int pb_name(int fd, bool of_peer, char *text, size_t room);
int32_t pb_adopt(pb_kernel *k, int fd);
void pb_release(pb_kernel *k, int32_t socket);
int pb_give_away(pb_kernel *k, int32_t socket);
pb_socket *pb_socket_of(pb_kernel *k, int32_t socket);
/* After accept4 failed: is it worth trying the next connection at once? */
bool pb_is_passing(int problem);

/* regions.c */
static inline bool pb_sends_file(const pb_socket *s) {
  return s->sending == PB_KERNEL_SEND_FILE || s->sending == PB_KERNEL_SEND_FILE_MORE;
}
/* Sends what the socket takes now of the region: bytes, or -errno (-EAGAIN: it is full). */
int32_t pb_send_file(pb_kernel *k, pb_socket *s);
/* The same in steps: the socket has a pipe for what it is to send, which may be sent by any thread; then it is settled. */
bool pb_has_pipe(pb_kernel *k, pb_socket *s);
int32_t pb_send_piped(const pb_socket *s, pb_pipe *p);
void pb_settle_pipe(pb_kernel *k, pb_socket *s);
/* The socket has ended, or moves on. */
void pb_leave_pipe(pb_kernel *k, pb_socket *s);
void pb_close_pipes(pb_kernel *k);

/* sender.c */
/* A large region waits for pb_send_listed, which tells by `sent`, now or in a later turn; false: it is to be sent at once. */
bool pb_list_send(pb_kernel *k, int32_t socket, pb_socket *s);
void pb_send_listed(pb_kernel *k);
/* Tells by `sent` of all that the sender is done with. */
void pb_collect_sent(pb_kernel *k);
/* False: it is done with something. True: from here until pb_woke_up it rings the bell when it is. */
bool pb_may_sleep(pb_kernel *k);
void pb_woke_up(pb_kernel *k);
/* Nothing is lent any more when this returns; what was is not told. */
void pb_end_sender(pb_kernel *k);

#endif
