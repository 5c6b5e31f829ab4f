# ambit: make · make demo · make check · make bench · make fuzz · make lint · make install · make deb
#
# Every target calls scripts/setup first, which installs what is missing (Debian 12 and 13).
# SETUP=no skips it, for machines that are prepared already.

BUILD	 ?= build
CC	 = gcc
CLANG	 = clang-19
BPFTOOL	 = PATH="$$PATH:/usr/sbin:/sbin" bpftool
PREFIX	 ?= /usr/local
DESTDIR	 ?=
SETUP	 ?= yes
ARCH	 := x86_64
VERSION	 := 0.1.0

# Short lines; V=1 shows the commands.
V	 ?= 0
SAY	  = @$(if $(filter 0,$(V)),printf '  %-6s %s\n' $(1) $(2);,)
Q	  = $(if $(filter 0,$(V)),@,)

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all setup check demo bench fuzz lint vmlinux install deb clean

WARN	 = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wswitch-enum -Wformat=2 -Werror
HARDEN	 = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
CPPFLAGS = -D_GNU_SOURCE -DAMBIT_VERSION='"$(VERSION)"' -DAMBIT_DATA_DIR='"$(PREFIX)/share/ambit"' \
	   -I. -Iuser -I$(BUILD)
CFLAGS	 = -std=gnu17 -O2 -g $(WARN) $(HARDEN)
LDFLAGS	 = -pie -Wl,-z,relro,-z,now
# What needs no kernel takes these.
PURELIBS = -lyaml -ljson-c -lidn2 -lunistring -lsodium -lnettle -lzstd
# Joining five shared libraries took a quarter of the time of a short command, and libelf of Debian 13 needs
# libzstd. The C library stays shared: it loads what knows the users. So does libelf where its archive
# asks for functions that no archive has, as that of Debian 13 (0.192) does.
DYNAMIC	 = -Wl,-Bdynamic $(1) -Wl,-Bstatic
LIBELF	:= $(if $(shell nm $$($(CC) -print-file-name=libelf.a 2>&1) 2>&1 | grep 'U eu_'),$(call DYNAMIC,-lelf),-lelf)
LDLIBS	 = -Wl,-Bstatic -lbpf $(LIBELF) -lz $(PURELIBS) -Wl,-Bdynamic
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

USER_C	 := $(wildcard user/*/*.c)
USER_O	 := $(USER_C:%.c=$(BUILD)/%.o)
BPF_C	 := $(wildcard bpf/*.bpf.c)
BPF_O	 := $(BPF_C:%.c=$(BUILD)/%.o)
BPF_H	 := $(wildcard bpf/*.h bpf/*.def bpf/lib/*.h) vmlinux/$(ARCH)/vmlinux.h
SKEL	 := $(BUILD)/ambit.skel.h

# What is missing is installed first, by a make of its own: without, all is one graph.
ifeq ($(SETUP),yes)
all: setup
	@$(MAKE) --no-print-directory SETUP=no $(BUILD)/ambit
else
all: $(BUILD)/ambit
endif

setup:
ifeq ($(SETUP),yes)
	@scripts/setup build
endif

# --- kernel side: one object a file, linked into one skeleton ---------------------------------------

BPF_CFLAGS = -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu17 -O2 -g -Wall -Wextra -Werror \
	     -Wno-unused-parameter -Wno-missing-declarations -I. -Ibpf -Ivmlinux/$(ARCH) \
	     $(if $(FAULTS),-DAMBIT_FAULTS_BUILD)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_H)
	@mkdir -p $(@D)
	$(call SAY,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/ambit.bpf.o: $(BPF_O)
	$(call SAY,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(BUILD)/ambit.bpf.o
	$(call SAY,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name ambit_bpf > $@

# --- user side -------------------------------------------------------------------------------------

$(BUILD)/user/kernel/%.o: CPPFLAGS += -isystem $(BUILD)
$(filter $(BUILD)/user/kernel/%,$(USER_O)): $(SKEL)

# The rows that `ambit doctor` shows are those that docs/mediation.md is made from.
$(BUILD)/mediation.inc: tests/e2e/mediation scripts/rows
	@mkdir -p $(@D)
	$(Q)scripts/rows $< >$@
$(BUILD)/user/kernel/rows.o $(BUILD)/san/user/kernel/rows.o: $(BUILD)/mediation.inc

# The interface that the service speaks is the file that is published.
INTERFACE = share/varlink/io.ambit.Cells.varlink
$(BUILD)/varlink.inc: $(INTERFACE)
	@mkdir -p $(@D)
	$(Q)sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< >$@
$(BUILD)/user/daemon/varlink.o $(BUILD)/san/user/daemon/varlink.o $(BUILD)/fuzz/varlink: $(BUILD)/varlink.inc

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/ambit: $(USER_O)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

-include $(USER_O:.o=.d)

vmlinux:
	@scripts/setup guest
	scripts/vmlinux vmlinux/$(ARCH)/vmlinux.h

include tests/tests.mk
include demo/demo.mk
include tests/bench/bench.mk

# --- installing ------------------------------------------------------------------------------------

install: all
	install -D -m 0755 $(BUILD)/ambit $(DESTDIR)$(PREFIX)/bin/ambit
	install -d $(DESTDIR)$(PREFIX)/share/ambit/policies/sets
	install -m 0644 policies/*.yaml $(DESTDIR)$(PREFIX)/share/ambit/policies
	install -m 0644 policies/sets/*.yaml $(DESTDIR)$(PREFIX)/share/ambit/policies/sets
	install -D -m 0644 docs/man/ambit.1 $(DESTDIR)$(PREFIX)/share/man/man1/ambit.1
	install -D -m 0644 share/completion/ambit.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ambit
	install -D -m 0644 $(INTERFACE) $(DESTDIR)$(PREFIX)/$(INTERFACE:share/%=share/ambit/%)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 0644 share/systemd/ambit.socket $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in ambit.service ambit@.service; do \
		sed 's|@PREFIX@|$(PREFIX)|' share/systemd/$$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done
	install -D -m 0644 share/systemd/bind.conf $(DESTDIR)$(PREFIX)/share/ambit/systemd/bind.conf
	install -D -m 0644 share/systemd/ambit.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/ambit.conf
	install -D -m 0644 share/systemd/ambit.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/ambit.conf

# A package for Debian 12 and 13, in build/deb.
deb:
ifeq ($(SETUP),yes)
	@scripts/setup package
endif
	@scripts/deb $(BUILD)/deb
	@lintian --fail-on error,warning $(BUILD)/deb/ambit_*.changes

clean:
	rm -rf $(BUILD)
