/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/big_args.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { LINE_END = 2 };

void big_args_release(struct big_args *b) {
    if (b->receiving) bytes_unref(b->receiving);
    for (size_t i = 0; i < b->complete_count; i++) bytes_unref(b->complete[i]);
    mem_free(b->complete);
    *b = (struct big_args){0};
}

/* Memory for an argument of which so much was received. Growing moves what is there, and the later
 * the more; so the last step is taken early. (100 MB in steps of two: 85 MB are moved and as many
 * pages faulted in anew, half of all the time it takes; so: 9 MB.) */
static size_t cap_for(size_t received, size_t wanted) {
    size_t cap = received * 8 > BIG_ARG_AHEAD ? received * 8 : BIG_ARG_AHEAD;
    return cap < wanted / 2 ? cap : wanted;
}

bool big_args_begin(struct big_args *b, size_t len, struct slice have) {
    DASSERT(!b->receiving && have.len < len + LINE_END);
    b->wanted = len + LINE_END;
    b->receiving = bytes_try_new(cap_for(have.len, b->wanted));
    if (!b->receiving) return false;
    slice_put(b->receiving->data, have);
    b->received = b->receiving->len = have.len;
    return true;
}

char *big_args_room(struct big_args *b, size_t *room) {
    if (b->received == b->receiving->cap &&
        !bytes_try_resize(&b->receiving, cap_for(b->received, b->wanted)))
        return NULL;
    size_t most = b->wanted - b->received;
    *room = b->receiving->cap - b->received;
    if (*room > most) *room = most;
    return b->receiving->data + b->received;
}

bool big_args_received(struct big_args *b, size_t len, struct slice *arg) {
    b->received += len;
    b->receiving->len = b->received;
    if (b->received < b->wanted) return false;
    b->receiving->len = b->wanted - LINE_END;
    *arg = bytes_slice(b->receiving);
    b->complete = mem_realloc(b->complete, (b->complete_count + 1) * sizeof(struct bytes *));
    b->complete[b->complete_count++] = b->receiving;
    b->receiving = NULL;
    b->received = b->wanted = 0;
    return true;
}

void big_args_shrink(struct big_args *b) {
    bool shrunk = !b->receiving || bytes_try_resize(&b->receiving, b->received);
    (void)shrunk; /* else it stays as large as it is */
}

size_t big_args_len(const struct big_args *b) {
    size_t len = b->received;
    for (size_t i = 0; i < b->complete_count; i++) len += b->complete[i]->len;
    return len;
}

size_t big_args_memory(const struct big_args *b) {
    size_t memory = b->receiving ? bytes_memory(b->receiving) : 0;
    for (size_t i = 0; i < b->complete_count; i++) memory += bytes_memory(b->complete[i]);
    return memory +
           (b->complete_count ? mem_class_size(b->complete_count * sizeof *b->complete) : 0);
}
