# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Words for the acts of `tricks`.

hello() { # CURL_OPTION... URL: it is reached, and says hello
	curl -sS --max-time 40 "$@" | grep hello
}

ask() {
	python3 ask.py "$@"
}

knock() {
	python3 knock.py "$@"
}

# ADDRESS NAME: a session of TLS 1.3 is gone on with by early data (0-RTT), and much more is sent behind it.
early() {
	local dir=/run/net/cell part=(openssl s_client -connect "$1:443" -servername "$2" -ign_eof)
	rm -f "$dir/session"
	printf 'GET / HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" | timeout 40 "${part[@]}" -sess_out "$dir/session" >"$dir/said" 2>&1 &&
		printf 'POST / HTTP/1.0\r\nHost: %s\r\nContent-Length: 300000\r\n\r\n' "$2" >"$dir/head" &&
		head -c 300000 /dev/zero | timeout 40 "${part[@]}" -sess_in "$dir/session" -early_data "$dir/head" >"$dir/said" 2>&1
	grep -a -e 'Early data was accepted' "$dir/said" && grep -a "^hello $2" "$dir/said"
}

# DOMAIN SIZE COUNT: so many messages leave in labels of this size, and something comes back for each.
tunnel() {
	local names=() i
	for ((i = 0; i < $3; i++)); do names+=("$(printf "%05d%0$(($2 - 5))d" "$i" 0).$1"); done
	ask --type 16 "${names[@]}"
}

# DOMAIN up|heard: iodine makes a tunnel to tunnel.DOMAIN through the resolver, and something comes through
# it; or its other end is heard of.
iodine_to() {
	local said=/run/net/cell/iodine status=0 resolver
	resolver=$(awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)
	: >"$said"
	timeout -k 5 60 iodine -f -r -d dns0 -T NULL -P secret "$resolver" "tunnel.$1" >>"$said" 2>&1 </dev/null &
	local client=$!
	grep -q 'Connection setup complete' < <(tail -n +1 -f --pid="$client" "$said") || true # or it ends
	[[ $2 == heard ]] || hello --max-time 30 http://10.99.0.1/ || status=1
	kill "$client" 2>/dev/null
	cat "$said"
	grep -q 'Version ok' "$said" && return $status
}
