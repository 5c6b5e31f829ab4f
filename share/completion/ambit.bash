# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of ambit's command line for bash.

_ambit_options() { # VERB
	case $1 in
	run | audit) echo "--policy --user --trail --trail-config --ring --quiet --json --best-effort --help" ;;
	doctor) echo "--json --best-effort --help" ;;
	check) echo "--json --help" ;;
	ps) echo "--json --rates --help" ;;
	top) echo "--delay --count --help" ;;
	metrics) echo "--textfile --socket --help" ;;
	why) echo "--policy --read --write --exec --unix --connect --listen --user --json --help" ;;
	log) echo "--cell --since --denied --follow --json --help" ;;
	verify) echo "--key --unfinished --part --show-key --json --help" ;;
	arm) echo "--best-effort --help" ;;
	disarm | reload) echo "--help" ;;
	diff) echo "--user --json --help" ;;
	daemon) echo "--best-effort --help" ;;
	attach) echo "--unit --cgroup --pid --policy --help" ;;
	stop) echo "--disarm --help" ;;
	esac
}

# True for an option that takes the next word.
_ambit_takes_word() { # OPTION
	case $1 in
	-p | --policy | -u | --user | -t | --trail | -c | --trail-config | -r | --ring) return 0 ;;
	--cell | --since | --delay | --count | --textfile | --socket | -k | --key) return 0 ;;
	--read | --write | --exec | --unix | --connect | --listen | --unit | --cgroup | --pid) return 0 ;;
	esac
	return 1
}

# The index of the command of `run` and `audit`: behind "--", or the first word that is no option.
_ambit_command_index() {
	local i
	for ((i = 2; i <= COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			echo $((i + 1))
			return
		elif _ambit_takes_word "${COMP_WORDS[i]}"; then
			((i++))
			[[ ${COMP_WORDS[i]-} != "=" ]] || ((i++))
		elif [[ ${COMP_WORDS[i]} != -* ]]; then
			echo "$i"
			return
		fi
	done
}

_ambit_files() { # WORD
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_ambit() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} command
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W \
			"run audit check why diff log verify ps top metrics daemon attach reload stop doctor arm disarm --help --version" -- "$word")
		return
	fi
	# bash splits at "=": --policy=FILE is three words.
	[[ $word != "=" ]] || word=""
	[[ $before != "=" ]] || before=${COMP_WORDS[COMP_CWORD - 2]}
	if [[ $verb == run || $verb == audit ]]; then
		command=$(_ambit_command_index)
		if [[ -n $command ]] && ((COMP_CWORD >= command)); then
			if declare -F _command_offset >/dev/null; then
				_command_offset "$command"
			elif ((COMP_CWORD == command)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$word")
			else
				_ambit_files "$word"
			fi
			return
		fi
	fi
	case $before in
	-u | --user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
	-k | --key | --connect | --listen) ;;
	*)
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_ambit_options "$verb")" -- "$word")
		elif _ambit_takes_word "$before" || [[ $verb == check || $verb == log || $verb == verify ]]; then
			_ambit_files "$word"
		fi
		;;
	esac
}

complete -F _ambit ambit
