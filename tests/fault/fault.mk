# Fault injection: a build of its own in $(BUILD)/faults, and what forces the faults.

$(BUILD)/tests/fault: $(wildcard tests/fault/*.c tests/fault/*.h) bpf/abi.h bpf/lib/fault.bpf.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(filter %.c,$^) $(LDFLAGS) -lbpf -ljson-c -o $@

.PHONY: fault-files
fault-files: all $(BUILD)/tests/fault $(BUILD)/tests/probe $(BUILD)/tests/nothing
	@$(MAKE) --no-print-directory -s SETUP=no FAULTS=yes BUILD=$(BUILD)/faults all
