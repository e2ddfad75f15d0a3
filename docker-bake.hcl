# docker buildx bake          builds the image for all architectures
# docker buildx bake local    builds it for this machine, and loads it into Docker
# Variables come from the environment: VERSION=1.2.3 docker buildx bake

variable "IMAGE" {
  default = "csi-driver-hostpath"
}

variable "VERSION" {
  default = "0.1.0"
}

variable "REVISION" {
  default = "unknown"
}

# When the commit was made.
variable "CREATED" {
  default = "1970-01-01T00:00:00Z"
}

variable "SOURCE" {
  default = "https://github.com/csi-driver-hostpath/csi-driver-hostpath"
}

group "default" {
  targets = ["image"]
}

target "_driver" {
  args = {
    VERSION  = VERSION
    REVISION = REVISION
    CREATED  = CREATED
    SOURCE   = SOURCE
  }
}

target "image" {
  inherits = ["_driver"]
  # Node, koffi's binary and Debian's packages differ between the architectures; the driver itself is the same file.
  platforms = ["linux/amd64", "linux/arm64"]
  # The tag of the minor version follows its releases, but not the pre-releases, which have a hyphen.
  tags = concat(
    ["${IMAGE}:${VERSION}"],
    length(regexall("-", VERSION)) > 0 ? [] : ["${IMAGE}:${regex_replace(VERSION, "[.][0-9]+$", "")}"],
  )
  attest = ["type=provenance,mode=max", "type=sbom"]
}

target "local" {
  inherits  = ["_driver"]
  platforms = [BAKE_LOCAL_PLATFORM]
  tags      = ["${IMAGE}:${VERSION}"]
  output    = ["type=docker"]
}
