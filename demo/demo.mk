# Included by the Makefile: what `make demo` runs. `make docs/demo.txt` keeps what it prints.
.PHONY: docs/demo.txt

$(BUILD)/demo/attacker: demo/attacker.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu17 -O2 -g $(WARN) -static $< -o $@

demo:
ifeq ($(SETUP),yes)
	@scripts/setup demo
endif
	@$(MAKE) --no-print-directory SETUP=no $(BUILD)/ambit $(BUILD)/demo/attacker
	@BUILD=$(BUILD) demo/run

docs/demo.txt: $(BUILD)/ambit $(BUILD)/demo/attacker
	BUILD=$(BUILD) demo/run >$@
