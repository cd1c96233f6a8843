/* SPDX-License-Identifier: BSD-3-Clause */
/* The sample config. What would be written for the default stands behind a '#', so that an
 * untouched copy changes nothing. */
#include "exec/config_sample.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/config_int.h"

static void sample_entry(const struct config_entry *entry, struct buf *out) {
    const struct config_param *param = entry->param;
    struct buf lines = BUF_INIT;
    void *value = mem_alloc(param->type->size);
    config_default(entry, value);
    config_lines_of(param, value, &lines);
    config_value_release(param, value);
    mem_free(value);
    buf_appendf(out, "\n# %s\n", param->about);
    if (param->flags & CONFIG_IMMUTABLE) buf_append_str(out, "# Only read at start.\n");
    if (!lines.len) buf_appendf(out, "# %s %s\n", param->name, param->def ? param->def : "...");
    for (const char *at = lines.data, *end = at + lines.len; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        buf_append_str(out, "# ");
        buf_append(out, at, (size_t)(stop + 1 - at));
        at = stop + 1;
    }
    buf_release(&lines);
}

void config_write_sample(struct config *cfg, struct buf *out) {
    const char *group = "";
    buf_append_str(
        out,
        "# Configuration of Drey. All lines show the default; take the '#' away to change one.\n"
        "# Sizes: 1k is 1000, 1kb is 1024 bytes; likewise m, mb, g, gb.\n"
        "# \"include FILE\" reads another file at that place; FILE may be a pattern.\n");
    for (size_t i = 0; i < cfg->n; i++) {
        const struct config_param *param = cfg->entries[i].param;
        if (param->flags & CONFIG_HIDDEN) continue;
        if (param->group && strcmp(group, param->group) != 0) {
            group = param->group;
            buf_appendf(out, "\n\n# --- %s ---\n", group);
        }
        sample_entry(&cfg->entries[i], out);
    }
}
