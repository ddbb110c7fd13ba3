# Completion of `dcos flink` and `dcos-flink` for bash, and for zsh through bashcompinit.
#
# The DC/OS CLI sources this file and calls _dcos_flink with its own variables (words, cword,
# cur, c) and helpers. On its own, source it from ~/.bashrc or ~/.zshrc. What may stand behind a
# command is asked of the program itself, so names of clusters, jobs and workers are completed too.

# The first level stands here, so that it needs no call; a test compares it with the program.
_dcos_flink() {
    local i command first=$c

    if ! __dcos_default_command_parse; then
        return
    fi

    local commands=(
        "apply"
        "artifact"
        "autoscaler"
        "cluster"
        "debug"
        "describe"
        "diff"
        "endpoints"
        "export"
        "help"
        "import"
        "jar"
        "job"
        "plan"
        "pod"
        "run-application"
        "snapshot"
        "update"
        "version"
        "worker"
    )
    local flags=(
        "--config-schema"
        "--help"
        "--info"
        "--name="
        "--verbose"
        "--version"
    )

    if [ -z "$command" ]; then
        case "$cur" in
            -*)
                __dcos_handle_compreply "${flags[@]}"
                ;;
            *)
                __dcos_handle_compreply "${commands[@]}"
                ;;
        esac
        return
    fi

    for i in "${commands[@]}"; do
        if [ "$i" = "$command" ]; then
            __dcos_handle_subcommand
            return
        fi
    done
    # A flag with a value stands before the command.
    __dcos_flink_ask "$first"
}

_dcos_flink_apply() { __dcos_flink_ask "$first"; }
_dcos_flink_artifact() { __dcos_flink_ask "$first"; }
_dcos_flink_autoscaler() { __dcos_flink_ask "$first"; }
_dcos_flink_cluster() { __dcos_flink_ask "$first"; }
_dcos_flink_debug() { __dcos_flink_ask "$first"; }
_dcos_flink_describe() { __dcos_flink_ask "$first"; }
_dcos_flink_diff() { __dcos_flink_ask "$first"; }
_dcos_flink_endpoints() { __dcos_flink_ask "$first"; }
_dcos_flink_export() { __dcos_flink_ask "$first"; }
_dcos_flink_help() { __dcos_flink_ask "$first"; }
_dcos_flink_import() { __dcos_flink_ask "$first"; }
_dcos_flink_jar() { __dcos_flink_ask "$first"; }
_dcos_flink_job() { __dcos_flink_ask "$first"; }
_dcos_flink_plan() { __dcos_flink_ask "$first"; }
_dcos_flink_pod() { __dcos_flink_ask "$first"; }
_dcos_flink_run_application() { __dcos_flink_ask "$first"; }
_dcos_flink_snapshot() { __dcos_flink_ask "$first"; }
_dcos_flink_update() { __dcos_flink_ask "$first"; }
_dcos_flink_version() { __dcos_flink_ask "$first"; }
_dcos_flink_worker() { __dcos_flink_ask "$first"; }

# Asks the program what may stand at the cursor. $1 is the index of the first word behind `flink`.
__dcos_flink_ask() {
    local args answers line directive=0 n=$1
    args=()
    while [ "$n" -lt "$cword" ]; do
        args+=("${words[n]}")
        n=$((n + 1))
    done
    args+=("$cur")

    answers=()
    while IFS= read -r line; do
        case "$line" in
            :*) directive=${line#:} ;;
            "") ;;
            *) answers+=("$line") ;;
        esac
    done < <(__dcos_flink_call __completeNoDesc "${args[@]}" 2>/dev/null)

    # 1 is the program's word for an error, 4 for "no files here".
    if [ $((directive & 1)) -ne 0 ]; then
        return
    fi
    if [ "${#answers[@]}" -eq 0 ] && [ $((directive & 4)) -eq 0 ]; then
        while IFS= read -r line; do
            if [ -d "$line" ]; then
                COMPREPLY+=("$line/")
            else
                COMPREPLY+=("$line ")
            fi
        done < <(compgen -f -- "$cur")
        return
    fi
    __dcos_handle_compreply "${answers[@]}"
}

# Calls the program the way in which it was called on the line.
__dcos_flink_call() {
    if [ -n "$__dcos_flink_alone" ]; then
        "${words[0]}" "$@"
    else
        dcos flink "$@"
    fi
}

# Completes `dcos-flink`, which the DC/OS CLI has no part in.
__dcos_flink_main() {
    local words cword cur c=1 last_command=_dcos_flink __dcos_flink_alone=1 word joined=""
    words=()
    # The shell cuts words at "="; a flag and its value are one word to the program.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [ "$word" = "=" ] && [ "${#words[@]}" -gt 0 ]; then
            words[${#words[@]}-1]+="="
            joined=1
        elif [ -n "$joined" ]; then
            words[${#words[@]}-1]+="$word"
            joined=""
        else
            words+=("$word")
        fi
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    COMPREPLY=()
    # As a plugin it is called with its name first.
    if [ "$cword" -gt 1 ] && [ "${words[1]}" = flink ]; then
        c=2
    fi
    _dcos_flink
}

# Without the DC/OS CLI's completion its helpers are missing; these do the same for this file.
if ! declare -f __dcos_default_command_parse >/dev/null; then
    # Finds the next command, leaves it in $command and $c behind it. Behind --help nothing is completed.
    __dcos_default_command_parse() {
        local word
        command=""
        while [ "$c" -lt "$cword" ]; do
            word=${words[c]}
            c=$((c + 1))
            case "$word" in
                --help | -h) return 1 ;;
                -*) ;;
                *)
                    command=$word
                    return 0
                    ;;
            esac
        done
        return 0
    }

    # Offers those of its arguments that begin as the current word does; a space follows all but those that end in "=".
    __dcos_handle_compreply() {
        local answer
        for answer in "$@"; do
            case "$answer" in
                "$cur"*=) COMPREPLY+=("$answer") ;;
                "$cur"*) COMPREPLY+=("$answer ") ;;
            esac
        done
    }

    # Goes on with the function of the command that was found.
    __dcos_handle_subcommand() {
        "${last_command}_${command//-/_}"
    }
fi

if [ -n "$ZSH_VERSION" ] && ! type complete >/dev/null 2>&1; then
    autoload -U +X compinit bashcompinit
    compinit
    bashcompinit
fi
complete -o nospace -F __dcos_flink_main dcos-flink
