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

# DOMAIN SIZE COUNT: so many messages leave in labels of this size, and something comes back for each.
tunnel() {
	local names=() i
	for ((i = 0; i < $3; i++)); do names+=("$(printf "%05d%0$(($2 - 5))d" "$i" 0).$1"); done
	ask --type 16 "${names[@]}"
}
