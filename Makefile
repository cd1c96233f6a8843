# Drey: `make help` lists what can be made; deps/README.md says what it needs.
#
# Every way of building has a directory of its own, build/<variant>/, so switching costs nothing:
#   make                            build/release/drey-server
#   make DEBUG=1                    build/debug/…              asserts on, no optimisation to speak of
#   make SAN=address,undefined      build/address-undefined/…  sanitizers, libc's malloc
#   make CC=clang                   build/release-clang/…

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
TIME    ?= 60
ROUNDS  ?= 10
RETRY   ?= 0
MINUTES ?= 2
ARGS    ?=

# All cores; several goals at once (`make clean all`) run in the order given instead.
ifeq ($(MAKELEVEL)$(word 2,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules

# --- Variant -------------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
export CC
clang := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
comma := ,

MALLOC := -ljemalloc
AR     := ar
ifdef SAN
variant := $(subst $(comma),-,$(SAN))
MODE    := -O1 -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
MODE    += -DDREY_DEBUG -DDREY_LIBC_MALLOC
MALLOC  :=
else ifdef DEBUG
variant := debug
MODE    := -O1 -fno-omit-frame-pointer -DDREY_DEBUG
else
variant := release
# Small structs are written field by field and were read in one go, which waits for the writes to
# leave the store buffer: no joining of neighbouring loads (measured: 5 % of a GET's CPU at P=16).
MODE    := -O3 -fno-tree-slp-vectorize
ifndef clang
MODE    += -flto=auto
AR      := gcc-ar
else ifneq (,$(and $(shell command -v ld.lld),$(shell command -v llvm-ar)))
MODE    += -flto=thin
LINKER  := -fuse-ld=lld
AR      := llvm-ar
endif
endif
ifneq ($(CC),gcc)
variant := $(variant)-$(notdir $(CC))
endif

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wwrite-strings \
        -Wno-unused-parameter
BASE := -std=gnu11 -D_GNU_SOURCE -Isrc $(WARN)
LIBS := $(MALLOC) -lm -lpthread
BASE += $(shell pkg-config --cflags liblzf 2>/dev/null)
LIBS += $(or $(shell pkg-config --libs liblzf 2>/dev/null),-llzf)
BASE += $(shell pkg-config --cflags lua5.1 2>/dev/null)
LIBS += $(or $(shell pkg-config --libs lua5.1 2>/dev/null),-llua5.1)
BASE += $(shell pkg-config --cflags libssl 2>/dev/null)
TLS  := $(or $(shell pkg-config --libs libssl libcrypto 2>/dev/null),-lssl -lcrypto)
LIBS += $(TLS)
ifeq ($(shell pkg-config --exists libsystemd 2>/dev/null && echo yes),yes)
BASE += -DDREY_SYSTEMD $(shell pkg-config --cflags libsystemd)
LIBS += $(shell pkg-config --libs libsystemd)
endif
ALL_CFLAGS  = $(BASE) $(MODE) -g $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -rdynamic $(LINKER) $(LDFLAGS)
CLIENT_CFLAGS = $(shell pkg-config --cflags hiredis cmocka)
HIREDIS     = $(shell pkg-config --cflags --libs hiredis)
CMOCKA      = $(shell pkg-config --cflags --libs cmocka)

# --- What there is -------------------------------------------------------------------------------

out     := $(BUILD)/$(variant)
server  := $(out)/drey-server
library := $(out)/libdrey.a
flags   := $(out)/flags

sources             := $(shell find src -name '*.c')
objects             := $(sources:%.c=$(out)/%.o)
check_aof           := $(out)/drey-check-aof
check_rdb           := $(out)/drey-check-rdb
programs            := $(server) $(check_aof) $(check_rdb)
mains               := $(out)/src/main.o $(out)/src/check_aof.o $(out)/src/check_rdb.o
unit_tests          := $(patsubst %.c,$(out)/%,$(wildcard tests/unit/test_*.c))
# The thread sanitizer takes faults' signals itself and objects to what a crash report does.
ifeq ($(SAN),thread)
unit_tests          := $(filter-out %/test_crash,$(unit_tests))
endif
unit_support        := $(patsubst %.c,$(out)/%.o, \
                         $(filter-out tests/unit/test_%.c,$(wildcard tests/unit/*.c)))
integration_tests   := $(patsubst %.c,$(out)/%,$(wildcard tests/integration/test_*.c))
client_tests        := $(wildcard tests/integration/clients/test_*.py)
security_tests      := $(wildcard tests/security/test_*.py)
# Those that take longest begin first, so that none is left over at the end. Most of their time they
# wait, so there are more at once than CPUs, unless a sanitizer keeps those busy.
longest             := %/test_tls.py %/test_cluster %/test_aof %/test_faults %/test_cluster_nodes \
                       %/test_replica %/test_protocol.py
socket_tests        := $(integration_tests) $(client_tests) $(security_tests)
socket_tests        := $(filter $(longest),$(socket_tests)) $(filter-out $(longest),$(socket_tests))
socket_jobs         := $(shell echo $$(($$(nproc) * $(if $(SAN),1,2))))
fault_library       := $(out)/tests/fault/faults.so
integration_support := $(patsubst %.c,$(out)/%.o, \
                         $(filter-out tests/integration/test_%.c,$(wildcard tests/integration/*.c)))
fuzz_names          := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_support        := $(patsubst %.c,$(out)/%.o, \
                         $(filter-out tests/fuzz/fuzz_%.c tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
fuzz_replay         := $(out)/tests/fuzz/replay.o
test_support        := $(unit_support) $(integration_support) $(fuzz_support) $(fuzz_replay)
fuzz_replays        := $(fuzz_names:%=$(out)/tests/fuzz/replay_%)
fuzzers             := $(fuzz_names:%=$(out)/tests/fuzz/fuzz_%)
cachesim            := $(out)/utils/cachesim
floor               := $(out)/utils/floor
c_files             := $(shell find src tests utils -name '*.[ch]')

.PHONY: all run test test-all unit integration security hostile crash faults compat fuzz-replay \
        soak soak-one fuzz fuzzers bench hit-ratio check format check-format check-style check-gcc check-clang \
        check-cppcheck install uninstall \
        clean help
.DELETE_ON_ERROR:

# --- Building ------------------------------------------------------------------------------------

all: $(programs)                    ## build the server (DEBUG=1, SAN=…, CC=…: another variant)

# Rewritten only when the compiler or its flags change, and everything depends on it.
$(flags): force
	@mkdir -p $(@D)
	@printf '%s\n' '$(shell $(CC) --version 2>/dev/null | head -1)' '$(ALL_CFLAGS)' \
	    '$(ALL_LDFLAGS) $(LIBS)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else deps/install --check build && mv $@.new $@; fi
force:
.PHONY: force

$(out)/%.o: %.c $(flags)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(library): $(filter-out $(mains),$(objects))
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $^

$(server): $(out)/src/main.o $(library)
$(check_aof): $(out)/src/check_aof.o $(library)
$(check_rdb): $(out)/src/check_rdb.o $(library)
$(programs):
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(cachesim): $(wildcard utils/cachesim/*.[ch]) $(library) $(flags)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) $(library) $(LIBS)

$(floor): utils/floor/floor.c $(flags)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $<

# What tests have in common. Its callers are compiled and linked in one go.
$(test_support): $(out)/%.o: %.c $(flags)
	@mkdir -p $(@D)
	@echo "  TEST  $<"
	@$(CC) $(filter-out -flto%,$(ALL_CFLAGS)) -Itests $(CLIENT_CFLAGS) -MMD -MP -c -o $@ $<

$(out)/tests/unit/test_%: tests/unit/test_%.c $(unit_support) $(library) $(flags)
	@echo "  TEST  $<"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests -MMD -MP -MF $@.d -o $@ $< $(unit_support) \
	    $(library) $(CMOCKA) $(LIBS)

$(out)/tests/integration/test_%: tests/integration/test_%.c $(integration_support) $(flags)
	@echo "  TEST  $<"
	@$(CC) $(filter-out -flto%,$(ALL_CFLAGS)) -Itests -MMD -MP -MF $@.d -o $@ $< \
	    $(integration_support) $(HIREDIS) $(CMOCKA) $(TLS)

# Tests find it beside the server.
$(fault_library): tests/fault/preload.c tests/fault/faults.h $(flags)
	@mkdir -p $(@D)
	@echo "  TEST  $<"
	@$(CC) $(BASE) -O1 -g -Itests -fPIC -shared -o $@ $< -lpthread

# A fuzz target with a plain main: runs the kept corpus under any compiler.
$(out)/tests/fuzz/replay_%: tests/fuzz/fuzz_%.c $(fuzz_replay) $(fuzz_support) $(library) $(flags)
	@echo "  TEST  $<"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests -MMD -MP -MF $@.d -o $@ $< $(fuzz_replay) \
	    $(fuzz_support) $(library) $(LIBS)

$(out)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(fuzz_support) $(library) $(flags)
	@echo "  FUZZ  $<"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -Itests -MMD -MP -MF $@.d -o $@ $< \
	    $(fuzz_support) $(library) $(LIBS)

-include $(objects:.o=.d) $(test_support:.o=.d) $(addsuffix .d,$(unit_tests) $(integration_tests) $(fuzz_replays) $(fuzzers))

# --- Using it ------------------------------------------------------------------------------------

run:                                ## install what's missing, build, serve on 6379 (ARGS=…: options)
	@deps/install build
	@$(MAKE) all
	@exec $(server) $(ARGS)

install: all                        ## install below PREFIX (/usr/local), staged in DESTDIR if given
	install -D -m 755 $(server) $(DESTDIR)$(PREFIX)/bin/drey-server
	install -m 755 $(check_aof) $(check_rdb) $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/share/doc/drey
	$(server) --sample-config >$(DESTDIR)$(PREFIX)/share/doc/drey/drey.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' utils/drey.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/drey.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/drey.service

uninstall:                          ## take away what install put there
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(programs)))
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/drey.service
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/drey

# --- Testing -------------------------------------------------------------------------------------
# Unit tests run with asserts on (the debug variant); integration and compatibility tests drive the
# binary that users run. With SAN=… all of them run in that variant.

test:                               ## install what's missing, build, run all tests (a few minutes)
	@deps/install build test
	@tests/steps '$(MAKE) unit' '$(MAKE) fuzz-replay' '$(MAKE) integration' '$(MAKE) compat'

test-all:                           ## test, and sanitizers, fuzzing and long random comparison too
	@deps/install build test check
	@tests/steps '$(MAKE) test' \
	    '$(MAKE) unit SAN=address,undefined' '$(MAKE) integration SAN=address,undefined' \
	    '$(MAKE) unit SAN=thread' '$(MAKE) integration SAN=thread' \
	    '$(MAKE) crash ROUNDS=100' '$(MAKE) faults' '$(MAKE) hostile' '$(MAKE) fuzz TIME=20' 'redis-compat/random --server $(server) --seconds 120' \
	    'redis-compat/run --server $(server) --propagation' \
	    'redis-compat/random --server $(server) --propagation --seconds 60'

ifeq ($(SAN)$(DEBUG),)
unit fuzz-replay:
	@$(MAKE) $@ DEBUG=1
else
unit: $(unit_tests)                 ## only the unit tests
	@tests/run $^

fuzz-replay: $(fuzz_replays)        ## only the kept inputs of the fuzz targets
	@tests/run $(foreach name,$(fuzz_names),'$(out)/tests/fuzz/replay_$(name) tests/fuzz/corpus/$(name)')
endif

integration: $(programs) $(integration_tests) $(fault_library) ## only the integration tests
	@DREY_SERVER=$(abspath $(server)) tests/run --jobs $(socket_jobs) --retry $(RETRY) \
	    $(socket_tests)

security: $(programs)               ## only the attacks that others have fallen to
	@DREY_SERVER=$(abspath $(server)) tests/run $(security_tests)

hostile: $(server) $(out)/tests/integration/test_hostile ## 1,000 hostile connections beside a load
	@DREY_HOSTILE=1000 DREY_HOSTILE_SECONDS=10 DREY_SERVER=$(abspath $(server)) \
	    $(out)/tests/integration/test_hostile

crash: $(server) $(out)/tests/integration/test_aof_crash ## kill the server ROUNDS (10) times under load
	@DREY_CRASH_ROUNDS=$(ROUNDS) DREY_SERVER=$(abspath $(server)) tests/run --timeout 3600 \
	    $(out)/tests/integration/test_aof_crash

faults: $(server) $(fault_library) $(out)/tests/integration/test_faults ## fail or stop at every call on a file
	@DREY_FAULT_STEP=1 DREY_SERVER=$(abspath $(server)) tests/run --timeout 3600 \
	    $(out)/tests/integration/test_faults

soak:                               ## mixed load for MINUTES (2), with sanitizers and again optimised
	@tests/steps '$(MAKE) soak-one SAN=address,undefined' '$(MAKE) soak-one'

soak-one: $(server)
	@tests/soak/soak --server $(server) --minutes $(MINUTES)

compat: $(server)                   ## only the comparison with redis-server
	@tests/run --retry $(RETRY) 'redis-compat/run --server $(server)' \
	    'redis-compat/files --server $(server)' 'redis-compat/interchange --server $(server)'

fuzz:                               ## run each fuzz target for TIME seconds (60); needs clang
	@deps/install build check
	@$(MAKE) fuzzers CC=clang SAN=fuzzer-no-link,address,undefined

fuzzers: $(fuzzers)
	@tests/fuzz/run $(TIME) $^

bench: $(server) $(floor)           ## measure it beside redis-server, and draw it (ARGS=…: options of utils/benchmark)
	@deps/install build test
	@utils/benchmark --server $(server) --floor $(floor) --picture $(out)/benchmark.svg $(ARGS)

hit-ratio: $(cachesim)              ## compare eviction policies on traces, and draw it (ARGS=…)
	@utils/hit-ratio --cachesim $(cachesim) $(ARGS)

# --- Checking ------------------------------------------------------------------------------------

check:                              ## format, style, warnings of gcc and clang, cppcheck
	@deps/install build test check
	@tests/steps '$(MAKE) check-format' '$(MAKE) check-style' '$(MAKE) check-gcc' \
	    '$(MAKE) check-clang' '$(MAKE) check-cppcheck'

check-format:
	@clang-format --dry-run -Werror $(c_files)

check-style:
	@utils/check-style

# Optimised, since some warnings come from that; nothing is kept.
check-gcc:
	@printf '%s\n' $(filter %.c,$(c_files)) | \
	    xargs -P $(shell nproc) -n 1 gcc $(BASE) -Itests $(CLIENT_CFLAGS) -Werror -O1 -S -o /dev/null

check-clang:
	@printf '%s\n' $(filter %.c,$(c_files)) | \
	    xargs -P $(shell nproc) -n 8 clang $(BASE) -Itests $(CLIENT_CFLAGS) -Werror -fsyntax-only

check-cppcheck:
	@cppcheck -q -j $(shell nproc) --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --error-exitcode=1 --suppressions-list=utils/cppcheck.suppress \
	    -D_GNU_SOURCE -D__linux__ -D__x86_64__ -Isrc src

format:                             ## put all C files into the agreed form
	@clang-format -i $(c_files)

# --- The rest ------------------------------------------------------------------------------------

clean:                              ## remove everything that was built
	rm -rf $(BUILD)

help:                               ## this list
	@sed -nE 's/^([a-z-]+)( [a-z-]+)*:[^#]*## (.*)/  make \1|\3/p' $(firstword $(MAKEFILE_LIST)) | \
	    while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done
