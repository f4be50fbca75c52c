# schism alone, for `make image`: the context holds the static binary with its agents inside, and an empty folder for temporary files.
FROM scratch
COPY . /
USER 65532:65532
ENV HOME=/tmp
ENTRYPOINT ["/schism"]
