# Included by the Makefile: what `make bench` runs. BENCH_OPTIONS="--kernel 6.1 --kernel newest"
# for other kernels than 6.12.

BENCH = $(BUILD)/bench/bench $(BUILD)/bench/exit $(BUILD)/bench/compile
# Programs of one file; the others are parts of `bench`.
BENCH_ALONE = tests/bench/exit.c tests/bench/compile.c

$(BUILD)/bench/bench: $(filter-out tests/bench/drain%,$(wildcard tests/bench/*.c)) tests/bench/bench.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g $(WARN) -static \
		$(filter-out $(BENCH_ALONE),$(filter %.c,$^)) -o $@

$(BUILD)/bench/exit: tests/bench/exit.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARN) -ffreestanding -fno-stack-protector -fcf-protection=none \
		-static -no-pie -nostdlib -s $< -o $@

# With the very objects of ambit.
$(BUILD)/bench/compile: tests/bench/compile.c tests/bench/rulebook.h $(PURE_C:%.c=$(BUILD)/%.o)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/bench $(CFLAGS) $(LDFLAGS) $(filter %.c %.o,$^) -lyaml -ljson-c -o $@

bench:
ifeq ($(SETUP),yes)
	@scripts/setup bench
endif
	@$(MAKE) --no-print-directory SETUP=no $(BUILD)/ambit $(BENCH)
	@BUILD=$(BUILD) tests/bench/run $(BENCH_OPTIONS)

# How many events a second the trail keeps up with, natively (root): tests/bench/drain.c.
DRAIN_C = tests/bench/drain.c user/kernel/ring.c user/kernel/symbols.c $(wildcard user/base/*.c user/policy/*.c user/trail/*.c)

$(BUILD)/bench/drain.bpf.o: tests/bench/drain.bpf.c $(BPF_H)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/bench/drain.skel.h: $(BUILD)/bench/drain.bpf.o
	$(BPFTOOL) gen skeleton $< name drain > $@

$(BUILD)/bench/drain: $(DRAIN_C) $(BUILD)/bench/drain.skel.h $(wildcard user/*/*.h)
	$(CC) $(CPPFLAGS) $(CFLAGS) -isystem $(BUILD)/bench $(filter %.c,$^) $(LDFLAGS) $(LDLIBS) -o $@

.PHONY: bench-drain
bench-drain: $(BUILD)/bench/drain
	$< $(BUILD)/bench/drain.jsonl
