# syntax=docker/dockerfile:1
# Build and image share one Debian, so that the binary finds the C library that it was linked to.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package afterword && install -Ds target/release/afterword /out/afterword

FROM debian:bookworm-slim
# SQLite's data is `afterword-data` beside where the service runs; the master key lies apart from it, since who has
# both can read everything.
RUN useradd --system --uid 10001 --user-group --home-dir /srv afterword \
    && install -d -m 0700 -o afterword -g afterword /srv/afterword-data /keys
COPY --from=build /out/afterword /usr/local/bin/afterword
COPY NOTICE LICENSE-MIT LICENSE-APACHE crates/letters/dictionaries/LICENSE-en_US crates/letters/dictionaries/LICENSE-en_GB crates/letters/fonts/OFL.txt /usr/share/doc/afterword/
USER 10001:10001
WORKDIR /srv
ENV AFTERWORD_MASTER_KEY_FILE=/keys/master.key AFTERWORD_LISTEN=0.0.0.0:8080
VOLUME ["/srv/afterword-data", "/keys"]
EXPOSE 8080
# The image has bash but no HTTP client, and needs none for one GET. It knows no TLS: docs/operations.md, HTTPS.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/${AFTERWORD_LISTEN##*:} && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && test \"$status\" = 200"]
ENTRYPOINT ["afterword"]
CMD ["serve"]
