/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/persist_info.h"

#include "base/clock.h"
#include "persist/persist.h"

static void write_progress(const struct snapshot *s, struct buf *out) {
    bool active = snapshot_active(s);
    uint64_t copied = active ? s->copied_bytes : 0;
    uint64_t total = active ? s->keys : 0, done = active ? s->keys_done : 0;
    info_u64(out, "current_cow_peak", copied);
    info_u64(out, "current_cow_size", copied);
    info_u64(out, "current_cow_size_age", 0);
    buf_appendf(out, "current_fork_perc:%.2f\r\n",
                total ? 100.0 * (double)done / (double)total : 0.0);
    info_u64(out, "current_save_keys_processed", done);
    info_u64(out, "current_save_keys_total", total);
}

static void write_saves(const struct persist *p, struct buf *out) {
    int64_t now_s = clock_mono_us() / 1000000;
    info_u64(out, "rdb_changes_since_last_save", persist_changes(p));
    info_u64(out, "rdb_bgsave_in_progress", p->saving);
    info_u64(out, "rdb_last_save_time", p->saved_s);
    info_str(out, "rdb_last_bgsave_status", p->failed ? "err" : "ok");
    info_i64(out, "rdb_last_bgsave_time_sec", p->save_took_s);
    info_i64(out, "rdb_current_bgsave_time_sec", p->saving ? now_s - p->tried_s : -1);
    info_u64(out, "rdb_saves", p->saves);
    info_u64(out, "rdb_last_cow_size", p->copied_bytes);
    info_u64(out, "rdb_last_load_keys_expired", p->loading.expired);
    info_u64(out, "rdb_last_load_keys_loaded", p->loading.keys);
}

void persist_write_info(void *persist, struct buf *out) {
    const struct persist *p = persist;
    info_u64(out, "loading", p->loading.on && !p->loading.aside);
    info_u64(out, "async_loading", p->loading.on && p->loading.aside);
    write_progress(&p->snapshot, out);
    write_saves(p, out);
    aof_write_info(&p->aof, out);
    buf_append_str(out, "module_fork_in_progress:0\r\n"
                        "module_fork_last_cow_size:0\r\n");
    aof_write_size_info(&p->aof, out);
    if (p->loading.on) loading_write_info(&p->loading, out);
}
