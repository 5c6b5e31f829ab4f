# Included by the Makefile: what `make bench` runs. BENCH_OPTIONS="--kernel 6.1 --only times" for a
# part of it; tests/bench/run says which.

BENCH	 = $(addprefix $(BUILD)/bench/,bench exit floor load crowd pure compile drain)
BENCH_C	 = $(addprefix tests/bench/,bench.c ops.c others.c names.c tree.c programs.c landlock.c)

$(BUILD)/bench/bench: $(BENCH_C) tests/bench/bench.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g $(WARN) -static $(BENCH_C) -o $@

$(BUILD)/bench/exit: tests/bench/exit.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARN) -ffreestanding -fno-stack-protector -fcf-protection=none \
		-static -no-pie -nostdlib -s $< -o $@

# With the very objects of ambit.
$(BUILD)/bench/compile: tests/bench/compile.c tests/bench/rulebook.h $(PURE_C:%.c=$(BUILD)/%.o)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/bench $(CFLAGS) $(LDFLAGS) $(filter %.c %.o,$^) $(PURELIBS) -o $@

# Objects of BPF and the programs that load them: floor is attached in a guest, pure is run natively.
$(BUILD)/bench/%.bpf.o: tests/bench/%.bpf.c $(BPF_H) $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DAMBIT_ALONE -Itests/bench -c $< -o $@

.SECONDARY: $(BUILD)/bench/floor.bpf.o $(BUILD)/bench/load.bpf.o $(BUILD)/bench/pure.bpf.o
$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BUILD)/bench/floor $(BUILD)/bench/load: $(BUILD)/bench/%: tests/bench/%.c $(BUILD)/bench/%.skel.h
	$(CC) $(CPPFLAGS) -isystem $(BUILD)/bench -std=gnu17 -O2 -g $(WARN) $< $(LDLIBS) -o $@

# These use the rooms of ambit itself.
BENCH_O	 = $(filter-out $(BUILD)/user/cli/%,$(USER_O))

$(BUILD)/bench/crowd: tests/bench/crowd.c $(BENCH_O)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/bench/pure: tests/bench/pure.c tests/bench/pure.h $(BUILD)/bench/pure.skel.h $(BENCH_O)
	$(CC) $(CPPFLAGS) -Ibpf -isystem $(BUILD)/bench $(CFLAGS) $(LDFLAGS) $< $(BENCH_O) $(LDLIBS) -o $@

.PHONY: bench-files
bench-files: $(BUILD)/ambit $(BENCH) $(BUILD)/tests/probe

bench:
ifeq ($(SETUP),yes)
	@scripts/setup bench
endif
	@$(MAKE) --no-print-directory SETUP=no bench-files
	@BUILD=$(BUILD) tests/bench/run $(BENCH_OPTIONS)

# How many events a second the trail keeps up with, natively (root): tests/bench/drain.c.
DRAIN_C = tests/bench/drain.c user/kernel/ring.c user/kernel/symbols.c user/kernel/promise.c $(wildcard user/base/*.c user/policy/*.c user/trail/*.c)

$(BUILD)/bench/drain.bpf.o: tests/bench/drain.bpf.c $(BPF_H)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DAMBIT_ALONE -c $< -o $@

$(BUILD)/bench/drain.skel.h: $(BUILD)/bench/drain.bpf.o
	$(BPFTOOL) gen skeleton $< name drain > $@

$(BUILD)/bench/drain: $(DRAIN_C) $(BUILD)/bench/drain.skel.h $(wildcard user/*/*.h)
	$(CC) $(CPPFLAGS) $(CFLAGS) -isystem $(BUILD)/bench $(filter %.c,$^) $(LDFLAGS) $(LDLIBS) -o $@

.PHONY: bench-drain
bench-drain: $(BUILD)/bench/drain
	$< $(BUILD)/bench/drain.jsonl
