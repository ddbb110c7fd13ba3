#!/bin/sh
# Turns a task into a Flink process.
#
#   start.sh <oldest Java> <role> <main class> [JVM option ...] -- [argument ...]
#
# It runs in the sandbox, where the fetcher has put flink/ (the distribution), conf/ and
# this file. It finds a Java, checks it, and replaces itself by it, so that the signals of
# Mesos reach Flink itself.
#
# Java is looked for in $JAVA_HOME, then in the sandbox (a fetched jre*, jdk* or java*
# directory), then in $PATH.
#
# Exit codes of its own: 64 wrong use, 126 a Java too old, 127 no Java, 72 no Flink, 78 no such plugin.
#
# What may be in the sandbox beside: lib/*.jar, which stand behind Flink's own on the class path; plugins/NAME/*.jar, which
# Flink loads beside those of the distribution; opt/*.jar, where Flink looks for its Python jar; conf/logback.xml, which takes the place of log4j.

set -u

say() { echo "flink: $*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }

[ $# -ge 4 ] || fail 64 "usage: start.sh <oldest Java> <role> <main class> [JVM option ...] -- [argument ...]"
oldest=$1 role=$2 class=$3
shift 3

cd "$(dirname "$0")" || fail 72 "the sandbox is gone"
sandbox=$(pwd)
export LC_ALL=C

# What was fetched is what was meant; a Flink of the container's image is the second choice.
if [ -d flink ] || [ -z "${FLINK_HOME:-}" ]; then
    FLINK_HOME=$sandbox/flink
fi
FLINK_CONF_DIR=$sandbox/conf
FLINK_LIB_DIR=$FLINK_HOME/lib
FLINK_OPT_DIR=$FLINK_HOME/opt
FLINK_PLUGINS_DIR=${FLINK_PLUGINS_DIR:-$FLINK_HOME/plugins}
if [ -d plugins ] || [ -n "${FLINK_ENABLED_PLUGINS:-}" ]; then
    # Those of this cluster, and those of the distribution, which other tasks share, in one directory. Its own come first.
    for dir in "$sandbox"/plugins/* "$FLINK_PLUGINS_DIR"/*; do
        name=${dir##*/}
        [ ! -d "$dir" ] || [ -e "all-plugins/$name" ] || { mkdir -p all-plugins && ln -s "$dir" "all-plugins/$name"; }
    done
    for name in ${FLINK_ENABLED_PLUGINS:-}; do
        [ -e "all-plugins/$name" ] && continue
        for jar in "$FLINK_OPT_DIR/flink-$name"-[0-9]*.jar; do
            [ -r "$jar" ] || fail 78 "this Flink has no plugin $name, neither in plugins nor in opt: assemble one that has it, or fetch its jar to plugins/$name (uris)"
            mkdir -p "all-plugins/$name" && ln -s "$jar" "all-plugins/$name/"
        done
    done
    FLINK_PLUGINS_DIR=$sandbox/all-plugins
fi
# Jars of opt lie beside the distribution's archive, and only those that the cluster needs were fetched.
[ ! -d opt ] || FLINK_OPT_DIR=$sandbox/opt
export FLINK_HOME FLINK_CONF_DIR FLINK_LIB_DIR FLINK_OPT_DIR FLINK_PLUGINS_DIR

# --- Java ---

java=
if [ -n "${JAVA_HOME:-}" ]; then
    if [ -x "$JAVA_HOME/bin/java" ]; then
        java=$JAVA_HOME/bin/java
    else
        say "JAVA_HOME is $JAVA_HOME, where there is no bin/java; looking elsewhere"
    fi
fi
if [ -z "$java" ]; then
    for dir in jre* jdk* java* */jre* */jdk*; do
        case $dir in flink/*) continue ;; esac
        if [ -x "$dir/bin/java" ]; then
            java=$sandbox/$dir/bin/java
            break
        fi
    done
fi
[ -n "$java" ] || java=$(command -v java 2>/dev/null || true)
[ -n "$java" ] || fail 127 "this agent has no Java: install Java $oldest or newer on it, set JAVA_HOME in the cluster's environment, or let the task fetch a Java archive (uris)"

# The release file tells the version without starting a JVM just to ask.
real=$(readlink -f "$java" 2>/dev/null || echo "$java")
release=${real%/bin/java}/release
version=
if [ -r "$release" ]; then
    version=$(sed -n 's/^JAVA_VERSION="\{0,1\}\([0-9._]*\).*/\1/p' "$release" | head -n 1)
fi
if [ -z "$version" ]; then
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9._]*\).*/\1/p' | head -n 1)
fi
[ -n "$version" ] || fail 126 "$java does not say which version it is; is it a Java?"
case $version in
    1.*) major=${version#1.} ;;
    *) major=$version ;;
esac
major=${major%%[._]*}
[ "$major" -ge "$oldest" ] || fail 126 "$java is Java $version, and this Flink needs Java $oldest or newer: install one on this agent, set JAVA_HOME in the cluster's environment, or let the task fetch a Java archive (uris)"

# The resource manager driver has an HTTP server of the JDK, which small linked Java runtimes leave out. A release file
# that lists no modules says nothing.
for driver in "$FLINK_LIB_DIR"/flink-mesos-driver*.jar; do
    [ "$role" = jobmanager ] && [ -r "$driver" ] || continue
    modules=$(sed -n 's/^MODULES="\([^"]*\)".*/\1/p' "$release" 2>/dev/null | head -n 1)
    case " ${modules:-jdk.httpserver} " in
        *" jdk.httpserver "*) ;;
        *) fail 126 "$java has no module jdk.httpserver, which the JobManager needs: use a Java that has it, or link one with --add-modules jdk.httpserver" ;;
    esac
done

# --- Flink ---

# Sorted, so that every process of a cluster loads classes from the same jars. Relative to the sandbox, so that it is
# the same in every sandbox and prepared classes fit.
lib=$FLINK_LIB_DIR
[ "$FLINK_HOME" != "$sandbox/flink" ] || lib=flink/lib
classpath=
# Logback is used when there is a configuration of it, and it itself: log4j's binding is left out then.
logging=-Dlog4j.configurationFile=file:$FLINK_CONF_DIR/log4j.properties
if [ -r "$FLINK_CONF_DIR/logback.xml" ]; then
    for jar in lib/logback-classic*.jar "$lib"/logback-classic*.jar; do
        [ ! -r "$jar" ] || logging=-Dlogback.configurationFile=file:$FLINK_CONF_DIR/logback.xml
    done
    [ "${logging#-Dlogback}" != "$logging" ] || say "there is a logback.xml and no logback-classic jar in lib; log4j is used"
fi
for jar in "$lib"/*.jar; do
    [ -r "$jar" ] || fail 72 "there is no Flink in $FLINK_HOME"
    case $logging$jar in
        -Dlogback*/log4j-slf4j*-impl*) continue ;;
    esac
    classpath=${classpath:+$classpath:}$jar
done
for jar in lib/*.jar; do
    [ -r "$jar" ] && classpath=$classpath:$jar
done
# A Hadoop configuration that was fetched is in the sandbox.
if [ -n "${HADOOP_CONF_DIR:-}" ] && [ -d "$sandbox/$HADOOP_CONF_DIR" ]; then
    HADOOP_CONF_DIR=$sandbox/$HADOOP_CONF_DIR
    export HADOOP_CONF_DIR
fi
[ -n "${HADOOP_CLASSPATH:-}" ] && classpath=$classpath:$HADOOP_CLASSPATH
[ -n "${HADOOP_CONF_DIR:-}" ] && classpath=$classpath:$HADOOP_CONF_DIR

# Temporary files go into the sandbox, which Mesos removes; those in /tmp would stay.
mkdir -p "$sandbox/tmp" "$sandbox/log"
log=$sandbox/log/$role
if [ -f "$sandbox/stdout" ]; then
    # The web UI shows log.file; it is standard output unless a file of its own was asked for.
    [ -n "${FLINK_LOG_SIZE:-}" ] || ln -sf ../stdout "$log.log"
    ln -sf ../stdout "$log.out"
    [ -f "$sandbox/stderr" ] && ln -sf ../stderr "$log.err"
fi

# Classes that were prepared by this very Java from these very jars save a third of the start. Java checks both
# again and goes on without when they do not fit; the user's own choice of an archive comes later and wins.
runtime=$(sed -n 's/^JAVA_RUNTIME_VERSION="\([^"]*\)".*/\1/p' "$release" 2>/dev/null | head -n 1)
if [ -n "$runtime" ]; then
    for prepared in "classes-$runtime"-[0-9]*.jsa; do
        [ -r "$prepared" ] || continue
        # Java would break down in the middle of a file that was cut short.
        size=${prepared##*-}
        if [ "$(wc -c <"$prepared" 2>/dev/null | tr -d ' ')" = "${size%.jsa}" ]; then
            set -- "-XX:SharedArchiveFile=$sandbox/$prepared" -Xshare:auto "$@"
            break
        fi
        say "$prepared is not whole; starting without prepared classes"
    done
fi

say "starting $role with Java $version ($java)"

# The arguments are rotated once: those before "--" are for the JVM, the rest for Flink.
left=$#
main=
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    if [ -z "$main" ]; then
        case $argument in
            --)
                main=yes
                set -- "$@" "-Djava.io.tmpdir=$sandbox/tmp" "-Dlog.file=$log.log" \
                    "$logging" \
                    -cp "$classpath" "$class" --configDir "$FLINK_CONF_DIR"
                continue
                ;;
            --add-opens=* | --add-exports=*)
                # Java 8 has no modules and refuses these.
                [ "$major" -ge 9 ] || continue
                ;;
        esac
    fi
    set -- "$@" "$argument"
done
[ -n "$main" ] || fail 64 "no -- between JVM options and arguments"

exec "$java" "$@"
