/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/send_batch.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

struct send_batch {
    int fd;
    char *rings; /* both, in one mapping */
    size_t rings_len;
    struct io_uring_sqe *entries; /* SEND_BATCH_MAX; only what differs is ever written again */
    const struct io_uring_cqe *results;
    unsigned result_mask;
    unsigned *entry_tail, *result_head;
    const unsigned *entry_head, *result_tail;
    unsigned tail; /* of the entries that the kernel has been told of */
    size_t count;
    ssize_t sent[SEND_BATCH_MAX];
};

enum { ENTRIES_LEN = SEND_BATCH_MAX * sizeof(struct io_uring_sqe) };

/* Setting up. */

static bool map_rings(struct send_batch *b, const struct io_uring_params *p) {
    size_t entries_end = p->sq_off.array + p->sq_entries * sizeof(unsigned);
    size_t results_end = p->cq_off.cqes + p->cq_entries * sizeof *b->results;
    b->rings_len = entries_end > results_end ? entries_end : results_end;
    b->rings = mmap(NULL, b->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, b->fd,
                    IORING_OFF_SQ_RING);
    if (b->rings == MAP_FAILED) return false;
    b->entries = mmap(NULL, ENTRIES_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, b->fd,
                      IORING_OFF_SQES);
    if (b->entries == MAP_FAILED) return false;
    b->entry_head = (unsigned *)(b->rings + p->sq_off.head);
    b->entry_tail = (unsigned *)(b->rings + p->sq_off.tail);
    b->result_head = (unsigned *)(b->rings + p->cq_off.head);
    b->result_tail = (unsigned *)(b->rings + p->cq_off.tail);
    b->results = (struct io_uring_cqe *)(b->rings + p->cq_off.cqes);
    b->result_mask = p->cq_entries - 1;
    unsigned *order = (unsigned *)(b->rings + p->sq_off.array);
    for (unsigned i = 0; i < SEND_BATCH_MAX; i++) order[i] = i;
    return true;
}

/* MSG_WAITALL makes a send that fits in part one that fails, which the kernel tells of, with the
 * bytes sent as its result; as MSG_DONTWAIT goes before it nothing waits. */
static void fill_entries(struct send_batch *b) {
    for (size_t i = 0; i < SEND_BATCH_MAX; i++)
        b->entries[i] = (struct io_uring_sqe){
            .opcode = IORING_OP_SEND,
            .flags = IOSQE_CQE_SKIP_SUCCESS,
            .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL,
        };
}

static bool open_ring(struct send_batch *b) {
    struct io_uring_params p = {.flags = IORING_SETUP_SUBMIT_ALL};
    const unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP;
    b->fd = (int)syscall(SYS_io_uring_setup, SEND_BATCH_MAX, &p);
    if (b->fd < 0) return false;
    if ((p.features & needed) != needed || p.sq_entries != SEND_BATCH_MAX) return false;
    if (!map_rings(b, &p)) return false;
    fill_entries(b);
    return true;
}

/* A kernel that said nothing of a send that fits in part, or let it wait, would make clients lose
 * bytes. What is relied on is written down nowhere, so it's tried. */
static bool tells_what_fits(struct send_batch *b) {
    enum { LEN = 64 * 1024, ROOM = 4096 };
    int pair[2], room = ROOM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return false;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    char *bytes = mem_zalloc(LEN);
    send_batch_add(b, pair[0], slice_of(bytes, 1));
    send_batch_add(b, pair[0], slice_of(bytes, LEN));
    send_batch_add(b, pair[0], slice_of(bytes, LEN));
    const ssize_t *sent = send_batch_run(b);
    ssize_t got = 0, more;
    while ((more = recv(pair[1], bytes, LEN, 0)) > 0) got += more;
    mem_free(bytes);
    close(pair[0]);
    close(pair[1]);
    return sent[0] == 1 && sent[1] > 0 && sent[1] < LEN && sent[2] == -EAGAIN && got == 1 + sent[1];
}

struct send_batch *send_batch_new(void) {
    struct send_batch *b = mem_zalloc(sizeof *b);
    b->rings = MAP_FAILED;
    b->entries = MAP_FAILED;
    if (open_ring(b) && tells_what_fits(b)) return b;
    send_batch_free(b);
    return NULL;
}

void send_batch_free(struct send_batch *b) {
    if (!b) return;
    if (b->entries != MAP_FAILED) munmap(b->entries, ENTRIES_LEN);
    if (b->rings != MAP_FAILED) munmap(b->rings, b->rings_len);
    if (b->fd >= 0) close(b->fd);
    mem_free_sized(b, sizeof *b);
}

/* Sending. */

void send_batch_add(struct send_batch *b, int fd, struct slice bytes) {
    DASSERT(b->count < SEND_BATCH_MAX && bytes.len && bytes.len <= SEND_BATCH_BYTES);
    struct io_uring_sqe *entry = &b->entries[(b->tail + b->count) % SEND_BATCH_MAX];
    entry->fd = fd;
    entry->addr = (uintptr_t)bytes.ptr;
    entry->len = (unsigned)bytes.len;
    entry->user_data = b->count;
    b->sent[b->count++] = (ssize_t)bytes.len;
}

size_t send_batch_count(const struct send_batch *b) {
    return b->count;
}

/* Tells the kernel of the entries; what it doesn't take (for lack of memory) is taken back. */
static void submit(struct send_batch *b) {
    unsigned end = b->tail + (unsigned)b->count;
    __atomic_store_n(b->entry_tail, end, __ATOMIC_RELEASE);
    while (b->tail != end) {
        long taken = syscall(SYS_io_uring_enter, b->fd, end - b->tail, 0, 0, NULL, 0);
        if (taken < 0 && errno == EINTR) continue;
        if (taken <= 0) break;
        b->tail += (unsigned)taken;
    }
    if (b->tail == end) return;
    b->tail = __atomic_load_n(b->entry_head, __ATOMIC_ACQUIRE);
    __atomic_store_n(b->entry_tail, b->tail, __ATOMIC_RELEASE);
    for (size_t i = b->count - (end - b->tail); i < b->count; i++) b->sent[i] = -EAGAIN;
}

const ssize_t *send_batch_run(struct send_batch *b) {
    submit(b);
    unsigned at = *b->result_head, end = __atomic_load_n(b->result_tail, __ATOMIC_ACQUIRE);
    for (; at != end; at++) {
        const struct io_uring_cqe *result = &b->results[at & b->result_mask];
        b->sent[result->user_data] = result->res;
    }
    __atomic_store_n(b->result_head, at, __ATOMIC_RELEASE);
    b->count = 0;
    return b->sent;
}
