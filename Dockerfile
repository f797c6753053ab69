# The image of a binary that is built already: deploy/image builds both, goreleaser one for each platform.
# The binary is static and brings its certificate authorities and time zones along, so that nothing else is in it.
FROM scratch
ARG TARGETPLATFORM=.
COPY ${TARGETPLATFORM}/stitch /usr/bin/stitch
# stitch.toml is looked for here, and the paths in it are those from here.
WORKDIR /etc/stitch
USER 65532:65532
EXPOSE 9464
ENTRYPOINT ["/usr/bin/stitch"]
CMD ["run"]
