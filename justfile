# `just` lists what there is to do; each recipe is one command that can be typed without it.

_:
    @just --list --unsorted

# The main job on real input, on SQLite; stays up, with docs and a key.
demo *options:
    cargo run --release -- demo {{ options }}

# All tests, on SQLite and on a private PostgreSQL.
test *filter:
    cargo test --workspace {{ filter }}

# The long forms of the tests that try to break it: hours. docs/reliability.md tells what they found.
soak *filter="kill:: model:: overload:: rotation:: simulation::":
    AFTERWORD_SOAK=1 cargo test --package afterword-stories -- --nocapture --test-threads=1 {{ filter }}

# Requests made from the OpenAPI document, others each time, for so many minutes on each store.
soak-schemathesis minutes="60":
    AFTERWORD_SOAK={{ minutes }} .ci/schemathesis/run

# The corpus of foreign bytes, and a thousand times as many changes to it as in every test run.
soak-parsers *filter="fuzzing::":
    AFTERWORD_SOAK=1 cargo test --release --package afterword --lib -- --nocapture {{ filter }}

# libFuzzer on one target for so many seconds; wants cargo-fuzz and a C++ compiler. docs/reliability.md says more.
fuzz target seconds="600":
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . --codegen-units 16 {{ target }} -- -max_total_time={{ seconds }} -max_len=8192

# Formats everything.
fmt:
    cargo fmt --all

# What is wrong with the code's form.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace

# Licences, banned crates and sources; wants cargo-deny.
deny:
    cargo deny check licenses bans sources

# Known weaknesses of libraries, by RustSec's database; wants cargo-deny and the network, and may say more tomorrow.
audit:
    cargo deny check advisories

# Two instances of the release before, replaced under load by this one.
upgrade:
    .ci/upgrade/run

# Writes the OpenAPI document anew, from the code.
openapi:
    cargo run --quiet --package afterword -- openapi > openapi/afterword.json.new
    mv openapi/afterword.json.new openapi/afterword.json

# With a release: the document of today becomes the one whose clients must not break.
released:
    AFTERWORD_RELEASED=1 cargo test --package afterword-stories breaking::

# Checks the OpenAPI document's form, generates clients from it, and has each tell a story.
clients:
    .ci/sdk/run

# The review's tests in a build that looks at grammar too; builds for many minutes.
grammar:
    cargo test --package afterword-letters --features grammar

# Reads what the service writes with other libraries than its own.
interop:
    .ci/interop/run

# Measures the service beside its peers; docs/performance.md says how.
bench *options:
    cargo run --release --manifest-path crates/bench/Cargo.toml -- {{ options }}

# What one key's attack costs everybody else, on SQLite; as root, a quarter of an hour. Fails where it is too much.
overload *options:
    cargo build --release --package afterword
    crates/bench/overload target/release/afterword {{ options }}

# All that a change must pass.
ci:
    .ci/run
