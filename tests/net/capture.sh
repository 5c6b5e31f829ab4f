# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Writes what resolvers answer and clients say, outside of any cell, as lines of `captured`.

capture() { # LABEL COMMAND...
	in_client env NODE_EXTRA_CA_CERTS=/srv/ca.pem GIT_SSL_CAINFO=/srv/ca.pem GODEBUG=netdns=go \
		python3 "$here/capture.py" "$@" || fail "capture-$1" "it does not work"
}

capture_all() {
	local resolver name
	for resolver in resolved dnsmasq unbound bind; do
		ask_through "$resolver"
		for name in good six alias many none; do
			capture "$resolver" bash -c "getent ahosts $name.ok.test; RES_OPTIONS=edns0 getent ahosts $name.ok.test; true"
		done
		capture "$resolver-tcp" python3 "$here/ask.py" --tcp good.ok.test
		capture "$resolver-tcp" python3 "$here/ask.py" --tcp --type 28 alias.ok.test
	done
	capture c-ares node "$here/fetch.mjs" c-ares alias.ok.test
	capture go hey -n 1 -c 1 https://good.ok.test/
	capture go hey -n 1 -c 1 http://good.ok.test/
	capture curl curl -sS --cacert /srv/ca.pem https://good.ok.test/ http://alias.ok.test/
	capture git git ls-remote https://good.ok.test/repo.git
	capture git git ls-remote http://good.ok.test/repo.git
	capture node node -e 'fetch("https://good.ok.test/").then(() => fetch("http://good.ok.test/"))'
	capture python python3 "$here/fetch.py" http good.ok.test
	capture python python3 -c 'import urllib.request; urllib.request.urlopen("http://good.ok.test/")'
	capture openssl bash -c 'openssl s_client -connect 203.0.113.80:443 -servername good.ok.test </dev/null'
	capture gnutls python3 "$here/bytes.py" gnutls 203.0.113.80 good.ok.test
}
