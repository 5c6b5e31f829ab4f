# The fuzz targets: libFuzzer with ASan and UBSan.
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

# Ring records and lines of a trail: make fuzz-event
FUZZ_EVENT_C = tests/fuzz/event.c $(wildcard user/base/*.c user/policy/*.c user/trail/*.c)

$(BUILD)/fuzz/event: $(FUZZ_EVENT_C) $(wildcard user/base/*.h user/policy/*.h user/trail/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) $(FUZZ_EVENT_C) -lyaml -ljson-c -o $@

.PHONY: fuzz-event
fuzz-event: $(BUILD)/fuzz/event
	@mkdir -p $(BUILD)/fuzz/event.corpus
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 \
		-artifact_prefix=$(BUILD)/fuzz/event- $(BUILD)/fuzz/event.corpus tests/fuzz/event.corpus
