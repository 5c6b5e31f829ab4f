# BPF logic by BPF_PROG_TEST_RUN, natively: programs of type `syscall`, attached to nothing.

BPF_TEST   := $(patsubst tests/bpf/%.c,$(BUILD)/bpftest/%,$(wildcard tests/bpf/test_*.c))

$(BUILD)/bpftest/logic.bpf.o: tests/bpf/logic.bpf.c tests/bpf/logic.h $(BPF_H)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DAMBIT_ALONE -Itests/bpf -c $< -o $@

$(BUILD)/bpftest/logic.skel.h: $(BUILD)/bpftest/logic.bpf.o
	$(BPFTOOL) gen skeleton $< name logic > $@

$(BUILD)/bpftest/dns.bpf.o: bpf/dns.bpf.c $(BPF_H)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DAMBIT_ALONE -c $< -o $@

$(BUILD)/bpftest/dns.skel.h: $(BUILD)/bpftest/dns.bpf.o
	$(BPFTOOL) gen skeleton $< name dns_bpf > $@

$(BUILD)/bpftest/egress.bpf.o: bpf/egress.bpf.c $(BPF_H)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -DAMBIT_ALONE -c $< -o $@

$(BUILD)/bpftest/egress.skel.h: $(BUILD)/bpftest/egress.bpf.o
	$(BPFTOOL) gen skeleton $< name egress_bpf > $@

# What of the kernel room knows maps and nothing of hooks.
ROWS_SAN   := $(patsubst %,$(BUILD)/san/user/kernel/%.o,census kept policies swap table)
.SECONDARY: $(ROWS_SAN)
-include $(ROWS_SAN:.o=.d)

$(BUILD)/bpftest/test_%: tests/bpf/test_%.c tests/bench/rulebook.h tests/bpf/logic.h tests/bpf/harness.h tests/bpf/packets.h $(BUILD)/bpftest/logic.skel.h $(BUILD)/bpftest/dns.skel.h $(BUILD)/bpftest/egress.skel.h $(PURE_SAN) $(ROWS_SAN)
	$(CC) $(CPPFLAGS) -Ibpf -Itests/bpf -isystem $(BUILD)/bpftest -std=gnu17 -O1 -g $(WARN) $(SANITIZE) \
		$< $(PURE_SAN) $(ROWS_SAN) -lbpf -lelf -lz $(PURELIBS) -lcmocka -o $@

.PHONY: bpftest
bpftest: $(BPF_TEST)
	@for test in $^; do echo "== $$test"; $$test || exit 1; done
