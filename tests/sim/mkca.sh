#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: mkca.sh DIR
# Makes a private CA and server certificates for the tests in DIR:
#   ca.pem            what a client has to trust
#   good.pem .key     localhost, 127.0.0.1 and ::1
#   expired.pem .key  the same names, expired in 2020
#   wrong.pem .key    valid, but for wrong.example
#   self.pem .key     the good names, signed by itself
set -eu
umask 077
dir=${1:?usage: mkca.sh DIR}
mkdir -p "$dir"
cd "$dir"

NAMES=DNS:localhost,IP:127.0.0.1,IP:::1

newkey() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# sign NAME SUBJECTALTNAME START END: a certificate by our CA
sign() {
	newkey "$1.key"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
	printf 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' \
	    >>"$1.ext"
	openssl ca -batch -notext -config ca.cnf -in "$1.csr" -out "$1.crt" \
	    -extfile "$1.ext" -startdate "$3" -enddate "$4" 2>ca.log ||
	    { cat ca.log >&2; exit 1; }
	cat "$1.crt" ca.pem >"$1.pem"
	rm -f "$1.csr" "$1.ext" "$1.crt"
}

cat >ca.cnf <<'EOF'
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
x509_extensions = v3
prompt = no
[dn]
CN = llmd test CA
[v3]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF
: >index.txt
echo 01 >serial
newkey ca.key
openssl req -x509 -new -config ca.cnf -key ca.key -days 3650 -out ca.pem
sign good "$NAMES" 20200101000000Z 20491231000000Z
sign expired "$NAMES" 20190101000000Z 20200101000000Z
sign wrong DNS:wrong.example 20200101000000Z 20491231000000Z
newkey self.key
openssl req -x509 -new -config ca.cnf -extensions v3 -key self.key \
    -subj /CN=localhost -addext "subjectAltName=$NAMES" -days 3650 \
    -out self.pem
rm -f ./0*.pem index.txt* serial* ca.log
chmod 644 ./*.pem
