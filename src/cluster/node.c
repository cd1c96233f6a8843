/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/node.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

struct cluster_node *node_new(const char *name, unsigned flags) {
    struct cluster_node *n = mem_zalloc(sizeof *n);
    if (name)
        memcpy(n->name, name, NODE_NAME_LEN);
    else
        random_hex(n->name, NODE_NAME_LEN);
    random_hex(n->shard_id, NODE_NAME_LEN);
    n->flags = flags;
    n->created_ms = (uint64_t)clock_wall_ms();
    n->hostname = mem_strdup("");
    n->nodename = mem_strdup("");
    return n;
}

void node_free(struct cluster_node *n) {
    for (struct fail_report *r = n->reports, *next; r; r = next) {
        next = r->next;
        mem_free(r);
    }
    mem_free(n->hostname);
    mem_free(n->nodename);
    mem_free(n);
}

void node_set_ports(struct cluster_node *n, bool tls, uint16_t first, uint16_t second) {
    n->port = tls ? second : first;
    n->tls_port = tls ? first : second;
}

void node_set_slot(struct cluster_node *n, unsigned slot, bool has) {
    if (node_has_slot(n, slot) == has) return;
    n->slots[slot / 8] ^= (uint8_t)(1 << slot % 8);
    n->slot_count += has ? 1 : -1u;
}

bool node_slot_range(const struct cluster_node *n, unsigned from, unsigned *first, unsigned *last) {
    while (from < SLOT_COUNT && !node_has_slot(n, from)) from++;
    *first = *last = from;
    if (from == SLOT_COUNT) return false;
    while (*last + 1 < SLOT_COUNT && node_has_slot(n, *last + 1)) ++*last;
    return true;
}

void node_set_text(char **text, const char *to) {
    char *copy = mem_strdup(to);
    mem_free(*text);
    *text = copy;
}

bool node_name_valid(struct slice name) {
    if (name.len != NODE_NAME_LEN) return false;
    for (size_t i = 0; i < name.len; i++)
        if (!memchr("0123456789abcdef", name.ptr[i], 16)) return false;
    return true;
}

static struct slice key_of(const void *node) {
    return slice_of(((const struct cluster_node *)node)->name, NODE_NAME_LEN);
}

static const struct table_ops ops = {.key = key_of};

void node_set_init(struct node_set *s) {
    *s = (struct node_set){.seed = hash_seed_random()};
    table_init(&s->by_name, &ops, &s->seed);
}

void node_set_release(struct node_set *s) {
    for (size_t i = 0; i < s->count; i++) node_free(s->all[i]);
    table_release(&s->by_name, NULL);
    mem_free(s->all);
}

void node_set_add(struct node_set *s, struct cluster_node *n) {
    table_insert(&s->by_name, table_hash(&s->by_name, key_of(n)), n);
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 8;
        s->all = mem_realloc(s->all, s->cap * sizeof *s->all);
    }
    s->all[s->count++] = n;
}

void node_set_remove(struct node_set *s, struct cluster_node *n) {
    uint64_t hash = table_hash(&s->by_name, key_of(n));
    table_remove(&s->by_name, hash, table_ref_of(&s->by_name, hash, n));
    size_t at = 0;
    while (s->all[at] != n) at++;
    s->all[at] = s->all[--s->count];
}

void node_set_rename(struct node_set *s, struct cluster_node *n, const char *name) {
    node_set_remove(s, n);
    memcpy(n->name, name, NODE_NAME_LEN);
    node_set_add(s, n);
}

struct cluster_node *node_set_find(const struct node_set *s, struct slice name) {
    if (name.len != NODE_NAME_LEN) return NULL;
    return table_find(&s->by_name, table_hash(&s->by_name, name), name, NULL);
}
