# Included by the Makefile: how each kind of test is built and run.

# --- unit tests: cmocka under ASan and UBSan; tests/unit/ROOM/test_NAME.c mirrors user/ROOM ---------

UNIT_C	 := $(wildcard tests/unit/*/test_*.c)
UNIT	 := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)
# Everything that needs no kernel.
PURE_C	 := $(wildcard user/base/*.c user/policy/*.c user/compile/*.c user/trail/*.c)
PURE_SAN := $(PURE_C:%.c=$(BUILD)/san/%.o)

$(BUILD)/san/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 -g $(WARN) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/unit/%: tests/unit/%.c $(PURE_SAN)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 -g $(WARN) $(SANITIZE) $< $(PURE_SAN) -lyaml -ljson-c -lcmocka -lpcre2-8 -o $@

-include $(PURE_SAN:.o=.d)

.PHONY: unit
unit: $(UNIT)
	@for test in $^; do echo "== $$test"; $$test || exit 1; done

include tests/bpf/bpf.mk
