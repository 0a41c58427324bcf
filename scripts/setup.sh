# What the other scripts need, installed where it is missing. Sourced from the root of the repository.

say() { printf '%s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

locked() { awk -v name="\"$1\"" '$1 == "name" { found = ($3 == name) } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock; }

# worker-build and wasm-bindgen write code for one version of their libraries: the locked one.
worker_build_version=$(locked worker)
wasm_bindgen_version=$(locked wasm-bindgen)
tools="${XDG_CACHE_HOME:-$HOME/.cache}/sluice/tools-$worker_build_version-$wasm_bindgen_version"

check_machine() {
  command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs and open a new shell."
  command -v cc >/dev/null || fail "A C compiler is missing: install gcc or clang (Debian, Ubuntu: apt install gcc; macOS: xcode-select --install)."
  command -v node >/dev/null || fail "Node is missing: install version 20 or newer from https://nodejs.org."
  command -v npm >/dev/null || fail "npm is missing: it comes with Node from https://nodejs.org."
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || +a === 20 && +b >= 12 ? 0 : 1)' ||
    fail "Node $(node --version) is too old: install version 20.12 or newer from https://nodejs.org."
}

# Cloudflare's own builders have no Rust, and nobody to ask.
install_rust() {
  if command -v cargo >/dev/null || [ "${WORKERS_CI:-}" != 1 ]; then return; fi
  say "Installing Rust (a minute)."
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -q -y --profile minimal --target wasm32-unknown-unknown
  . "$HOME/.cargo/env"
}

install_wasm_target() {
  [ -d "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ] && return
  command -v rustup >/dev/null || fail "The Rust target wasm32-unknown-unknown is missing, and so is rustup to install it: see https://rustup.rs."
  say "Installing the Rust target for WebAssembly (seconds)."
  rustup target add wasm32-unknown-unknown
}

# One crate, one of its programs, how long it takes.
install_tool() {
  [ -x "$tools/bin/$3" ] && return
  say "Installing $1 $2 (about 3 minutes on two cores, once)."
  # Not --locked: its lock file may name versions that a registry mirror lacks.
  CARGO_TARGET_DIR="$tools/target" cargo install --quiet --root "$tools" --bin "$3" "$1@$2"
}

install_tools() {
  install_tool worker-build "$worker_build_version" worker-build
  install_tool wasm-bindgen-cli "$wasm_bindgen_version" wasm-bindgen
  rm -rf "$tools/target"
}

install_packages() {
  cmp -s package-lock.json node_modules/.sluice-lock && return
  say "Installing npm packages (about half a minute, once)."
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.sluice-lock
}

# The console is tested in a browser, where one can be had; its tests say so where it cannot.
install_browser() {
  for program in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
    [ -x "$program" ] && return
  done
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    say "Installing Chromium (once)."
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 && return
  fi
  say "Chromium is missing, so the console is not tested (Debian, Ubuntu: apt install chromium)."
}

# Without keys of its own a deployment answers nobody.
write_dev_vars() {
  [ -e .dev.vars ] && return
  say "Writing .dev.vars with random keys and the demo provider switched on."
  (umask 077 && node -e '
    const { randomBytes } = require("node:crypto");
    console.log(`SLUICE_API_KEY=sk-sluice-${randomBytes(24).toString("hex")}`);
    console.log(`SLUICE_ADMIN_KEY=admin-${randomBytes(24).toString("hex")}`);
    console.log(`SLUICE_MASTER_KEY=${randomBytes(32).toString("base64")}`);
    console.log("SLUICE_DEMO=1");
  ' >.dev.vars)
}

set_up() {
  check_machine
  install_wasm_target
  install_tools
  install_packages
}
