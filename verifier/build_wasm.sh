#!/bin/sh
# The verifier as a WASI program, verifier/js/zklemma-verify.wasm: by the first Rust here that has the target, on the
# path or Debian's. Exit status 3 if none has it. `wasm-opt`, of binaryen, makes it a fifth smaller.
set -eu
cd "$(dirname "$0")"
target_dir=../build/verifier
# Small: functions called from several places are seldom worth their copies; a panic says its file and no line, for
# which compilers that are no nightly ones have to be asked; and what is behind a stack of this size has short addresses.
flags="-C llvm-args=-inline-threshold=12 -C target-feature=+bulk-memory,+nontrapping-fptoint"
flags="$flags -Z location-detail=file -C link-arg=-zstack-size=524288"
for root in $(rustc --print sysroot 2> /dev/null || true) /usr; do
    for target in wasm32-wasip1 wasm32-wasi; do
        if [ -d "$root/lib/rustlib/$target" ] && [ -x "$root/bin/cargo" ]; then
            RUSTFLAGS="$flags" RUSTC_BOOTSTRAP=1 RUSTC="$root/bin/rustc" "$root/bin/cargo" build \
                --quiet --offline --profile wasm --target "$target" --target-dir "$target_dir"
            built="$target_dir/$target/wasm/zklemma-verify.wasm"
            [ js/zklemma-verify.wasm -nt "$built" ] && exit 0
            small="$built.$$"
            if command -v wasm-opt > /dev/null; then
                # Low memory is the far end of the stack.
                wasm-opt --flatten --rereloop -Oz -Oz --low-memory-unused --enable-bulk-memory \
                    --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int \
                    "$built" -o "$small"
            else
                cp "$built" "$small"
            fi
            # Replaced as a whole, for whoever reads it meanwhile.
            mv "$small" js/zklemma-verify.wasm
            exit 0
        fi
    done
done
echo "no Rust here has the target wasm32-wasip1 or wasm32-wasi: Debian's libstd-rust-dev-wasm32 does" >&2
exit 3
