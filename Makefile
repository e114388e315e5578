# SPDX-License-Identifier: BSD-2-Clause
# A thin front: meson.build says what is built, scripts/check what is tested.

.DEFAULT_GOAL := all
.PHONY: all demo check check-vm vm bench format install fuzz clean help

RATES	 = 1kpps,10kpps,100kpps
DURATION = 5s
# Seconds for all fuzzers together.
FUZZ_TIME = 600
# The virtual laboratory: its kernel, tests with this text in their name, the program of this build directory.
KERNEL = 6.12
ONLY =
BUILD =
FORMATTED = $$(find src tests bench -name '*.[ch]')

## all: build build/wirestamp (the default)
all:
	@scripts/setup --check build
	@test -e build/build.ninja || \
		meson setup build --buildtype=release -Db_lto=true -Dtests=false -Dbench=false
	@ninja -C build wirestamp

## demo: install what the build needs, build, measure over a private veth pair, and report; needs no root
demo:
	@scripts/setup build
	@scripts/setup demo || echo 'demo: without gnuplot the report has no plots' >&2
	@$(MAKE) --no-print-directory all
	@rm -rf build/demo
	build/wirestamp latency --lab --rate $(RATES) --duration $(DURATION) --out build/demo
	build/wirestamp report build/demo -o build/demo/report.html
	@echo 'All of it on one page, with plots: build/demo/report.html'

## check: install what is needed, and run every test
check:
	@scripts/setup build test
	@scripts/check

## check-vm: boot the virtual laboratory (KERNEL=6.12 or 6.1) and run its tests (ONLY=text BUILD=directory RUNS=n)
check-vm:
	@scripts/setup build vm
	@python3 tests/vm/run_vm.py --kernel '$(KERNEL)' --only '$(ONLY)' --build '$(BUILD)' --runs '$(RUNS)'

## vm: a shell in the virtual laboratory, with the tools there
vm:
	@scripts/setup build vm
	@python3 tests/vm/run_vm.py --kernel '$(KERNEL)' --build '$(BUILD)' --shell

## bench: what a packet costs, stage by stage, in whole runs, and captures and loads beside other tools'
bench:
	@scripts/setup build bench
	@test -e build-bench/build.ninja || \
		meson setup build-bench --buildtype=release -Db_lto=true -Dtests=false -Dbench=true
	@ninja -C build-bench
	@python3 bench/run.py build-bench
	@python3 bench/capture.py build-bench
	@python3 bench/load.py build-bench

## format: lay out the C files as .clang-format says
format:
	@clang-format -i $(FORMATTED)

## fuzz: run the fuzzers for FUZZ_TIME seconds
fuzz:
	@scripts/setup build test
	@scripts/fuzz $(FUZZ_TIME)

## install: install the program (DESTDIR is honoured)
install: all
	@meson install -C build --no-rebuild

## clean: remove all that was built
clean:
	rm -rf build build-bench build-check build-fuzz

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  make \1\t/p' Makefile | expand -t 16
