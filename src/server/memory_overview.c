/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/memory_overview.h"

#include "base/alloc.h"
#include "base/num.h"
#include "script/script_engine.h"
#include "server/client_input.h"
#include "server/server.h"

/* The clients with much to their name stand in queues; the rest have next to nothing in buffers. */
static void find_largest(const struct server *s, struct memory_overview *m) {
    for (size_t i = 1; i < CLIENT_SIZE_CLASSES; i++) {
        const struct client_queue *q = &s->memory.classes[i];
        for (const struct client_link *l = q->ends.next; l != &q->ends; l = l->next) {
            const struct client *c =
                (const struct client *)((const char *)l - offsetof(struct client, ranked));
            size_t input = client_input_memory(c), output = c->session.own_reply.memory;
            if (input > m->largest_input) m->largest_input = input;
            if (output > m->largest_output) m->largest_output = output;
        }
    }
}

void memory_overview_read(struct server *s, struct memory_overview *m) {
    const struct keyspace *ks = &s->engine.keyspace;
    *m = (struct memory_overview){
        .used = mem_used(),
        .peak = s->metrics.peak_memory,
        .startup = s->metrics.startup_memory,
        .clients = s->memory.total,
        .rss = heap_rss(),
        .heap = heap_stats(),
    };
    if (m->used > m->peak) m->peak = s->metrics.peak_memory = m->used;
    if (s->primary.client) m->clients += client_memory_of(s->primary.client);
    find_largest(s, m);
    for (uint32_t i = 0; i < ks->count; i++) {
        const struct table *t = &ks->dbs[i].table;
        if (table_count(t) == 0) continue;
        m->tables += table_overhead(t);
        m->buckets += table_buckets(t) * sizeof(struct table_bucket);
        m->keys += table_count(t);
    }
    server_extend_memory(s, m);
    m->overhead = m->startup + m->clients + m->replicas + m->replication_backlog + m->tables;
    if (m->used > m->overhead) m->dataset = m->used - m->overhead;
}

double memory_ratio(size_t part, size_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

double memory_dataset_percent(const struct memory_overview *m) {
    return m->used > m->startup ? 100 * memory_ratio(m->dataset, m->used - m->startup) : 0;
}

static void bytes_and_human(struct buf *out, const char *name, size_t bytes) {
    char text[NUM_DOUBLE_MAX];
    size_t len = num_to_human(text, bytes);
    info_u64(out, name, bytes);
    buf_appendf(out, "%s_human:%.*s\r\n", name, (int)len, text);
}

static void write_use(const struct memory_overview *m, struct buf *out) {
    bytes_and_human(out, "used_memory", m->used);
    bytes_and_human(out, "used_memory_rss", m->rss);
    bytes_and_human(out, "used_memory_peak", m->peak);
    buf_appendf(out, "used_memory_peak_perc:%.2f%%\r\n", 100 * memory_ratio(m->used, m->peak));
    info_u64(out, "used_memory_overhead", m->overhead);
    info_u64(out, "used_memory_startup", m->startup);
    info_u64(out, "used_memory_dataset", m->dataset);
    buf_appendf(out, "used_memory_dataset_perc:%.2f%%\r\n", memory_dataset_percent(m));
}

/* One interpreter serves scripts and functions. */
static void write_scripts(const struct engine *e, struct buf *out) {
    const struct script_cache *cache = &e->scripts->cache;
    const struct library_store *libraries = &e->scripts->libraries;
    size_t interpreter = scripts_memory(e);
    info_u64(out, "used_memory_vm_eval", interpreter);
    bytes_and_human(out, "used_memory_lua", interpreter);
    info_u64(out, "used_memory_scripts_eval", cache->memory);
    info_u64(out, "number_of_cached_scripts", table_count(&cache->by_sha));
    info_u64(out, "number_of_functions", libraries->total);
    info_u64(out, "number_of_libraries", libraries->libraries);
    info_u64(out, "used_memory_vm_functions", 0);
    bytes_and_human(out, "used_memory_vm_total", interpreter);
    info_u64(out, "used_memory_functions", libraries->memory);
    bytes_and_human(out, "used_memory_scripts", cache->memory + libraries->memory);
}

static void write_fragmentation(const struct memory_overview *m, struct buf *out) {
    const struct heap_stats *h = &m->heap;
    info_f2(out, "allocator_frag_ratio", memory_ratio(h->active, h->allocated));
    info_i64(out, "allocator_frag_bytes", (int64_t)(h->active - h->allocated));
    info_f2(out, "allocator_rss_ratio", memory_ratio(h->resident, h->active));
    info_i64(out, "allocator_rss_bytes", (int64_t)(h->resident - h->active));
    info_f2(out, "rss_overhead_ratio", memory_ratio(m->rss, h->resident));
    info_i64(out, "rss_overhead_bytes", (int64_t)(m->rss - h->resident));
    info_f2(out, "mem_fragmentation_ratio", memory_ratio(m->rss, m->used));
    info_i64(out, "mem_fragmentation_bytes", (int64_t)(m->rss - m->used));
}

void memory_overview_write(void *server, struct buf *out) {
    struct server *s = server;
    const struct background *background = s->background;
    struct memory_overview m;
    memory_overview_read(s, &m);
    write_use(&m, out);
    info_u64(out, "allocator_allocated", m.heap.allocated);
    info_u64(out, "allocator_active", m.heap.active);
    info_u64(out, "allocator_resident", m.heap.resident);
    bytes_and_human(out, "total_system_memory", heap_machine());
    write_scripts(&s->engine, out);
    bytes_and_human(out, "maxmemory", s->engine.settings.db.maxmemory);
    buf_append_str(out, "maxmemory_policy:");
    config_value(s->registry, SLICE("maxmemory-policy"), out);
    buf_append_str(out, "\r\n");
    write_fragmentation(&m, out);
    info_u64(out, "mem_not_counted_for_evict", s->engine.keyspace.uncounted);
    info_u64(out, "mem_replication_backlog", m.replication_backlog);
    info_u64(out, "mem_total_replication_buffers", m.replication_buffers);
    info_u64(out, "mem_clients_slaves", m.replicas);
    info_u64(out, "mem_clients_normal", m.clients);
    info_u64(out, "mem_cluster_links", s->cluster_links);
    info_u64(out, "mem_aof_buffer", s->persist.aof.log.pending.cap);
    info_str(out, "mem_allocator", heap_allocator());
    info_u64(out, "mem_overhead_db_hashtable_rehashing", 0); /* tables grow without a second one */
    info_u64(out, "active_defrag_running", s->defrag.percent);
    info_u64(out, "lazyfree_pending_objects", background_pending(background, BACKGROUND_FREE));
    info_u64(out, "lazyfreed_objects", s->engine.keyspace.stats.lazy_freed);
}
