# Included by the Makefile: how each kind of test is built and run.

# --- unit tests: cmocka under ASan and UBSan; tests/unit/ROOM/test_NAME.c mirrors user/ROOM ---------

UNIT_C	 := $(wildcard tests/unit/*/test_*.c)
UNIT	 := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)
# Everything that needs no kernel. Of cli/ that is all but what opens one, and main().
KERNEL_C := $(patsubst %,user/cli/%.c,main run cell ask served session shut summary metrics sample top doctor arm disarm ps \
	    daemon attach reload stop)
PURE_C	 := $(filter-out $(KERNEL_C),$(wildcard user/base/*.c user/policy/*.c user/compile/*.c \
	    user/trail/*.c user/cli/*.c) user/daemon/varlink.c user/daemon/request.c user/daemon/rules.c user/daemon/watch.c user/kernel/promise.c user/kernel/rows.c \
	    user/metrics/prometheus.c)
PURE_SAN := $(PURE_C:%.c=$(BUILD)/san/%.o)

.SECONDARY: $(PURE_SAN)
$(BUILD)/san/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 -g $(WARN) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/unit/%: tests/unit/%.c $(PURE_SAN)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 -g $(WARN) $(SANITIZE) $< $(PURE_SAN) $(PURELIBS) -lcmocka -lpcre2-8 -o $@

-include $(PURE_SAN:.o=.d)

.PHONY: unit
unit: $(UNIT)
	@for test in $^; do echo "== $$test"; $$test || exit 1; done

include tests/bpf/bpf.mk
include tests/fault/fault.mk

# --- guests: what tests/vm/check takes in -----------------------------------------------------------

PROBE_C	 := $(wildcard tests/probe/*.c)
GUEST	 := $(BUILD)/ambit $(BUILD)/tests/probe $(BUILD)/tests/trailq $(BUILD)/tests/nothing $(BUILD)/tests/stress \
	    $(BUILD)/tests/fullhook $(BUILD)/tests/bounds $(BUILD)/tests/swap
STATIC	 = $(CC) -D_GNU_SOURCE -std=gnu17 -O1 -g $(WARN) -static

$(BUILD)/tests/probe: $(PROBE_C) $(wildcard tests/probe/*.h)
	@mkdir -p $(@D)
	$(STATIC) $(PROBE_C) -o $@

$(BUILD)/tests/trailq: tests/e2e/trailq.c tests/ocsf/ocsf.h
	@mkdir -p $(@D)
	$(STATIC) -I. $< -ljson-c -o $@

$(BUILD)/tests/nothing: tests/e2e/nothing.c
	@mkdir -p $(@D)
	$(STATIC) -nostdlib -s $< -o $@

$(BUILD)/tests/stress: $(wildcard tests/stress/*.c) tests/stress/stress.h
	@mkdir -p $(@D)
	$(STATIC) $(filter %.c,$^) -o $@

$(BUILD)/tests/bounds: tests/e2e/bounds.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu17 -O1 -g $(WARN) $< -lbpf -o $@

$(BUILD)/tests/fullhook: tests/e2e/fullhook.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O1 -g $(WARN) $< -lbpf -o $@

# With the very objects of ambit, but for its main().
$(BUILD)/tests/swap: tests/e2e/swap.c $(filter-out $(BUILD)/user/cli/main.o,$(USER_O))
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# The package from what the tree has now, and who is in a cell of a service.
$(BUILD)/tests/prober: tests/service/prober.c
	@mkdir -p $(@D)
	$(STATIC) $< -o $@

.PHONY: service-files
service-files: $(BUILD)/tests/prober
	@scripts/deb $(BUILD)/deb >/dev/null

.PHONY: guest-files print-build
guest-files: $(GUEST)
print-build:
	@echo $(abspath $(BUILD))

# --- everything --------------------------------------------------------------------------------------

include tests/fuzz/fuzz.mk

# On an idle two-core machine three quarters of an hour; `tests/check STAGE` does a part of it.
check:
ifeq ($(SETUP),yes)
	@scripts/setup build test guest agents
endif
	@$(MAKE) --no-print-directory -s -j2 SETUP=no all guest-files bench-files fault-files $(UNIT) $(BPF_TEST) \
		$(FUZZ)
	@scripts/kernels >/dev/null
	@BUILD=$(BUILD) tests/check

# The long forms, on all kernels, of what `make check` does in short: names with all real parts (a quarter of
# an hour a kernel), a minute for each case of stress, all real programs.
LONG = net stress controls
.PHONY: $(LONG:%=check-%)
$(LONG:%=check-%): check-%:
ifeq ($(SETUP),yes)
	@scripts/setup build test guest agents
endif
	@BUILD=$(BUILD) tests/check $*-all

# The package and its service on Debian 12 and 13, with a real systemd.
# Many cells that are bound to cgroups, in one guest.
MANY = 1000
.PHONY: check-many
check-many: guest-files
	$(Q)tests/vm/guest --kernel 6.12 --memory 6G --timeout 14400 --file $(BUILD)/ambit --file $(BUILD)/tests/probe \
		--file $(BUILD)/tests/trailq --file $(BUILD)/tests/nothing:/usr/local/lib/nothing \
		--file /bin/true:/usr/local/lib/dynamic --file tests/e2e:/e2e \
		--file policies:/usr/local/share/ambit/policies \
		-- 'MANY=$(MANY) /e2e/run all 6.12 bound-many; status=$$?; cat /run/e2e/many; exit $$status'

.PHONY: check-service
check-service:
ifeq ($(SETUP),yes)
	@scripts/setup build test guest agents package
endif
	@BUILD=$(BUILD) tests/check service

# docs/mediation.md from the logs of the latest `make check`.
.PHONY: mediation
mediation:
	tests/e2e/report $(BUILD)/check >$(BUILD)/mediation.md
	mv $(BUILD)/mediation.md docs/mediation.md

lint:
ifeq ($(SETUP),yes)
	@scripts/setup test
endif
	@scripts/lint
