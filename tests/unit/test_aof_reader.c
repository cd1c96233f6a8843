/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading append-only files: random ones whole, cut at any byte, and with any byte changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/random.h"
#include "persist/aof_reader.h"

enum { ITEMS = 40, WORDS = 5, LONGEST = 30, FILES = 40 };

/* A file in memory. */
struct memory {
    int fd;
    char path[64];
};

static struct memory open_memory(void) {
    struct memory m = {.fd = memfd_create("aof", 0)};
    assert_true(m.fd >= 0);
    snprintf(m.path, sizeof m.path, "/proc/self/fd/%d", m.fd);
    return m;
}

static void put(const struct memory *m, const char *bytes, size_t len) {
    assert_int_equal(ftruncate(m->fd, 0), 0);
    assert_int_equal(pwrite(m->fd, bytes, len, 0), len);
}

/* Random items: where each ends, and what it is. */
struct model {
    struct buf text;
    size_t ends[ITEMS + 1];
    bool notes[ITEMS];
};

static void add_command(struct buf *to, struct random *rng) {
    static const char bytes[] = "abc\r\n*$#0123";
    size_t words = 1 + (size_t)random_below(rng, WORDS);
    buf_appendf(to, "*%zu\r\n", words);
    while (words--) {
        size_t len = (size_t)random_below(rng, LONGEST);
        buf_appendf(to, "$%zu\r\n", len);
        while (len--) buf_append_char(to, bytes[random_below(rng, sizeof bytes - 1)]);
        buf_append_str(to, "\r\n");
    }
}

static void make(struct model *m, struct random *rng) {
    buf_clear(&m->text);
    m->ends[0] = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        m->notes[i] = random_below(rng, 4) == 0;
        if (m->notes[i])
            buf_appendf(&m->text, "#TS:%u\r\n", (unsigned)random_below(rng, 1u << 30));
        else
            add_command(&m->text, rng);
        m->ends[i + 1] = m->text.len;
    }
}

/* Reads the items that end before `limit`, which must be right; what comes then is returned. */
static enum aof_item read_to(struct aof_reader *r, const struct model *m, size_t limit) {
    size_t i = 0;
    for (; i < ITEMS && m->ends[i + 1] <= limit; i++) {
        enum aof_item item = aof_reader_next(r);
        assert_int_equal(item, m->notes[i] ? AOF_NOTE : AOF_COMMAND);
        assert_int_equal(r->item_at, m->ends[i]);
        assert_int_equal(aof_reader_pos(r), m->ends[i + 1]);
        int64_t time_s;
        if (m->notes[i]) assert_true(aof_note_time(r->note, &time_s));
        for (int k = 0; !m->notes[i] && k < r->argc; k++)
            assert_memory_equal(r->argv[k].ptr + r->argv[k].len, "\r\n", 2);
    }
    enum aof_item item = aof_reader_next(r);
    assert_int_equal(r->item_at, m->ends[i]);
    return item;
}

static void reads_and_sees_cuts(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 17);
    struct model m = {.text = BUF_INIT};
    struct memory file = open_memory();
    for (int round = 0; round < FILES; round++) {
        make(&m, &rng);
        for (size_t cut = 0; cut <= m.text.len; cut += 1 + (size_t)random_below(&rng, 5)) {
            struct aof_reader r;
            bool whole = false;
            for (size_t i = 0; i <= ITEMS; i++) whole |= m.ends[i] == cut;
            put(&file, m.text.data, cut);
            assert_int_equal(aof_reader_open(&r, file.path, 0), 0);
            assert_int_equal(read_to(&r, &m, cut), whole ? AOF_END : AOF_TORN);
            aof_reader_close(&r);
        }
    }
    close(file.fd);
    buf_release(&m.text);
}

/* Nothing before the byte is read as something else, nothing is read beyond the file, and a length
 * that has become too long isn't taken for a torn tail. */
static void sees_damage(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 18);
    struct model m = {.text = BUF_INIT};
    struct memory file = open_memory();
    size_t found = 0;
    make(&m, &rng);
    for (size_t at = 0; at < m.text.len; at++) {
        struct aof_reader r;
        size_t i = 0;
        char was = m.text.data[at];
        m.text.data[at] ^= (char)(1 << random_below(&rng, 8));
        put(&file, m.text.data, m.text.len);
        while (m.ends[i + 1] <= at) i++;
        assert_int_equal(aof_reader_open(&r, file.path, 0), 0);
        enum aof_item item = read_to(&r, &m, m.ends[i]);
        while (item == AOF_COMMAND || item == AOF_NOTE) item = aof_reader_next(&r);
        assert_in_set(item, ((LargestIntegralType[]){AOF_END, AOF_TORN, AOF_DAMAGED}), 3);
        found += item == AOF_DAMAGED;
        if (item == AOF_DAMAGED) assert_in_range(r.bad_at, r.item_at, m.text.len);
        aof_reader_close(&r);
        m.text.data[at] = was;
    }
    assert_true(found > m.text.len / 4);
    close(file.fd);
    buf_release(&m.text);
}

static void expect(struct slice text, enum aof_item want) {
    struct memory file = open_memory();
    struct aof_reader r;
    put(&file, text.ptr, text.len);
    assert_int_equal(aof_reader_open(&r, file.path, 0), 0);
    assert_int_equal(aof_reader_next(&r), want);
    aof_reader_close(&r);
    close(file.fd);
}

static void tells_them_apart(void **state) {
    expect(SLICE(""), AOF_END);
    expect(SLICE("*"), AOF_TORN);
    expect(SLICE("*1\r\n$4"), AOF_TORN);
    expect(SLICE("*1\r\n$4\r\nPING\r"), AOF_TORN);
    expect(SLICE("*1\r\n$4\r\nPING\r\n"), AOF_COMMAND);
    expect(SLICE("*1\r\n$5\r\nPING\r\n"), AOF_DAMAGED);
    expect(SLICE("*1\r\n$5\r\nPING\r\n*1\r\n$4\r\nPING\r\n"), AOF_DAMAGED);
    expect(SLICE("*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"), AOF_DAMAGED);
    expect(SLICE("*1\r\n$4611686018427387904\r\nPING\r\n"), AOF_DAMAGED);
    expect(SLICE("*1\r\n$999999999999\r\nPING\r\n"), AOF_TORN);
    expect(SLICE("*1\r\n$-1\r\n"), AOF_DAMAGED);
    expect(SLICE("*0\r\n"), AOF_DAMAGED);
    expect(SLICE("*-1\r\n"), AOF_DAMAGED);
    expect(SLICE("*99999999999\r\n"), AOF_DAMAGED);
    expect(SLICE("PING\r\n"), AOF_DAMAGED);
    expect(SLICE("*1\n$4\nPING\n"), AOF_DAMAGED);
    expect(SLICE("\0\0\0\0"), AOF_DAMAGED);
    expect(SLICE("#TS:1"), AOF_TORN);
    expect(SLICE("#anything\n"), AOF_NOTE);
}

/* An argument may be made of commands itself. */
static void torn_argument_of_commands(void **state) {
    enum { COMMANDS = 300 * 1000 };
    struct buf text = BUF_INIT;
    buf_appendf(&text, "*2\r\n$4\r\nPING\r\n$%d\r\n", COMMANDS * 20);
    for (int i = 0; i < COMMANDS; i++) buf_append_str(&text, "*1\r\n$4\r\nPING\r\n");
    buf_append_str(&text, "*1\r\n$4\r\nPI");
    expect(buf_slice(&text), AOF_TORN);
    buf_append_str(&text, "NG\r\n");
    expect(buf_slice(&text), AOF_DAMAGED);
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_sees_cuts),
        cmocka_unit_test(sees_damage),
        cmocka_unit_test(tells_them_apart),
        cmocka_unit_test(torn_argument_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
