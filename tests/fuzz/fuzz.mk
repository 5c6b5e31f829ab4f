# The fuzz target for policies: libFuzzer with ASan and UBSan.
#   make fuzz-policy FUZZ_SECONDS=300      finds go to build/fuzz/policy-*

FUZZ_SECONDS ?= 60
FUZZ_FLAGS    = -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_POLICY_C = tests/fuzz/policy.c $(wildcard user/base/*.c user/policy/*.c user/compile/*.c)

$(BUILD)/fuzz/policy: $(FUZZ_POLICY_C) $(wildcard user/base/*.h user/policy/*.h user/compile/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) $(FUZZ_POLICY_C) -lyaml -o $@

.PHONY: fuzz-policy
fuzz-policy: $(BUILD)/fuzz/policy
	@mkdir -p $(BUILD)/fuzz/policy.corpus
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -dict=tests/fuzz/policy.dict \
		-artifact_prefix=$(BUILD)/fuzz/policy- $(BUILD)/fuzz/policy.corpus \
		tests/fuzz/policy.corpus policies
