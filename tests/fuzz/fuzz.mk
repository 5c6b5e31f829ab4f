# The fuzz targets: libFuzzer with ASan and UBSan. Each begins with what tests/fuzz/corpus has for it.
#   make fuzz                              all of them, for ever; finds go to build/fuzz/TARGET-*
#   make fuzz-policy FUZZ_SECONDS=300      one of them, for a time
#   make fuzz-keep                         what was learnt, minimised, into tests/fuzz/corpus

# 0: for ever.
FUZZ_SECONDS ?= 0
FUZZ_FLAGS    = -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_TARGETS  = policy store set mounts event trail secrets dns verify hello request squeeze config varlink rules
FUZZ	      = $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)

FUZZ_TEXT_C   = $(wildcard user/base/*.c user/policy/*.c)
FUZZ_TRAIL_C  = $(FUZZ_TEXT_C) $(wildcard user/trail/*.c)
$(BUILD)/fuzz/policy: $(FUZZ_TEXT_C) $(wildcard user/compile/*.c)
$(BUILD)/fuzz/store: $(FUZZ_TEXT_C) $(wildcard user/compile/*.c)
$(BUILD)/fuzz/set: $(FUZZ_TEXT_C)
$(BUILD)/fuzz/mounts: $(FUZZ_TEXT_C)
$(BUILD)/fuzz/event: $(FUZZ_TRAIL_C)
$(BUILD)/fuzz/trail: $(FUZZ_TRAIL_C) user/cli/lines.c user/cli/fold.c
$(BUILD)/fuzz/secrets: user/trail/secrets.c
$(BUILD)/fuzz/verify: $(FUZZ_TRAIL_C) user/cli/lines.c
$(BUILD)/fuzz/squeeze: $(FUZZ_TRAIL_C) user/cli/lines.c
$(BUILD)/fuzz/config: $(FUZZ_TRAIL_C)
$(BUILD)/fuzz/rules: $(FUZZ_TEXT_C) user/daemon/rules.c user/compile/unitglob.c
$(BUILD)/fuzz/varlink: user/daemon/varlink.c user/daemon/request.c

FUZZ_OPTIONS_policy = -max_len=4096 -dict=tests/fuzz/policy.dict
FUZZ_OPTIONS_store  = -max_len=4096
FUZZ_OPTIONS_set    = -max_len=4096 -dict=tests/fuzz/policy.dict
FUZZ_OPTIONS_mounts = -max_len=1024
FUZZ_OPTIONS_event  = -max_len=16384
FUZZ_OPTIONS_trail  = -max_len=16384
FUZZ_OPTIONS_secrets = -max_len=1024
FUZZ_OPTIONS_dns    = -max_len=4096
FUZZ_OPTIONS_squeeze = -max_len=4096
FUZZ_OPTIONS_rules  = -max_len=1024
FUZZ_OPTIONS_config = -max_len=2048 -dict=tests/fuzz/policy.dict
FUZZ_OPTIONS_varlink = -max_len=4096
FUZZ_OPTIONS_verify = -max_len=16384 -dict=tests/fuzz/verify.dict
FUZZ_OPTIONS_hello  = -max_len=4096
FUZZ_OPTIONS_request = -max_len=1024 -dict=tests/fuzz/request.dict
# Further seeds, which are files of the tree already.
FUZZ_SEEDS_policy = policies
FUZZ_SEEDS_set	  = policies/sets
# What was captured.
FUZZ_CAPTURED	  = dns hello request
$(foreach target,$(FUZZ_CAPTURED),$(eval FUZZ_SEEDS_$(target) = $(BUILD)/fuzz/captured/$(target)))
$(FUZZ_CAPTURED:%=fuzz-%): $(BUILD)/fuzz/captured
$(BUILD)/fuzz/captured: tests/net/seeds tests/net/captured
	@rm -rf $@
	@tests/net/seeds $@

$(FUZZ): $(BUILD)/fuzz/%: tests/fuzz/%.c $(wildcard user/*/*.h bpf/abi.h bpf/hooks.def bpf/lib/*.h tests/unit/stream/*.h tests/fuzz/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) $(filter %.c,$^) $(PURELIBS) -o $@

.PHONY: $(FUZZ_TARGETS:%=fuzz-%) fuzz-keep print-fuzz
print-fuzz:
	@echo $(FUZZ_TARGETS)
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/$*.corpus tests/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 $(FUZZ_OPTIONS_$*) -artifact_prefix=$(BUILD)/fuzz/$*- \
		$(BUILD)/fuzz/$*.corpus tests/fuzz/corpus/$* $(FUZZ_SEEDS_$*)

fuzz:
ifeq ($(SETUP),yes)
	@scripts/setup build test
endif
	@$(MAKE) --no-print-directory -s SETUP=no $(FUZZ)
	@$(MAKE) --no-print-directory SETUP=no -j$(words $(FUZZ_TARGETS)) $(FUZZ_TARGETS:%=fuzz-%)

# Small inputs only, and of those that reach the same code the smallest: the corpus stays readable.
fuzz-keep: $(FUZZ)
	@for target in $(FUZZ_TARGETS); do \
		$(BUILD)/fuzz/$$target -merge=1 -max_len=400 tests/fuzz/corpus/$$target \
			$(BUILD)/fuzz/$$target.corpus 2>&1 | grep MERGE-OUTER | tail -n 1; done
