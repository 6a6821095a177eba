# The front door.  "make help" lists what it opens.

BUILD ?= build
SAN ?= 0
CC = gcc
CXX = g++
CLANG_FORMAT = clang-format

VERSION := $(shell cat VERSION)

WARN = -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wvla
CWARN = $(WARN) -Wstrict-prototypes -Wmissing-declarations
OPT_0 = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT_1 = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
LDOPT_0 = -Wl,-z,relro,-z,now
LDOPT_1 = -fsanitize=address,undefined
CPPFLAGS = -Ilib -D_GNU_SOURCE -DMUTT_VERSION=\"$(VERSION)\"
CFLAGS = -std=c11 -g -fPIC $(OPT_$(SAN)) $(CWARN)
CXXFLAGS = -std=c++17 -g -fPIC $(OPT_$(SAN)) $(WARN)
LDLIBS = -lhiredis -lpq -ljansson -lsimdjson -lcurl -lssl -lcrypto \
	-lpcre2-8 -lhs -lmicrohttpd -lz -lstdc++ -lm -lpthread
CPPFLAGS += -I/usr/include/postgresql -I/usr/include/hs

LIB_C := $(wildcard lib/*/*.c)
LIB_CC := $(wildcard lib/*/*.cc)
LUA := $(wildcard lib/domain/lua/*.lua)
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CC:%.cc=$(BUILD)/%.o) \
	$(BUILD)/gen/mutt_scripts.o
WORKERS := $(patsubst workers/%.c,$(BUILD)/mutt-%,$(wildcard workers/*.c))
UNITS := $(patsubst t/unit/%.c,$(BUILD)/t/%,$(wildcard t/unit/*.c))

.PHONY: all workers units clean

all: $(BUILD)/libmutt.a workers

workers: $(WORKERS)

units: $(UNITS)

$(BUILD)/gen/mutt_scripts.c: tools/embed_lua lib/domain/mutt_scripts.def $(LUA)
	@mkdir -p $(@D)
	tools/embed_lua $@

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -c -o $@ $<

$(BUILD)/libmutt.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/mutt-%: $(BUILD)/workers/%.o $(BUILD)/libmutt.a
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ $(LDLIBS)

$(BUILD)/t/%: $(BUILD)/t/unit/%.o $(BUILD)/libmutt.a
	@mkdir -p $(@D)
	$(CC) $(LDOPT_$(SAN)) -o $@ $^ -lcmocka $(LDLIBS)

clean:
	rm -rf build build-*

.PRECIOUS: $(BUILD)/%.o

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
