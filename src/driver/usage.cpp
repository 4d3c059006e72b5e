#include "driver/options.h"

namespace awl {

const std::string_view usage_text = R"(USAGE:
    awl [options] FILE [parameters] [-- parameters]
    awl [options] -e 'PROGRAM' [parameters] [-- parameters]
    awl [options] -                      program from standard input
    awl -l[v] [PATTERN | -e PROGRAM | FILE]
    awl run | test | bench [options] FILE | -e 'PROGRAM'   run; run its test probes (--test); its bench probes (--bench)
    awl build [options] FILE | -e 'PROGRAM' -o OBJECT
    awl inspect OBJECT [--json]
    awl check [--json] FILE... | -e 'PROGRAM'     all messages about scripts, without running them
    awl fmt [-i] FILE...                          scripts in their usual form; -i changes the files
    awl doc [--json | --man] [NAME...]            what builtins, functions and macros do, with examples

FILE is a script, or an object that `awl build` made. Options of the script itself stand behind `--` (--name=value); `-- --help` lists them.

OPTIONS:
    -e PROGRAM              run this text
    -l, --list              list probes that match a pattern, or those of a program; with -v their arguments
    -p, --pid PID           trace this process only; ends when it ends
    -c, --cmd COMMAND       run a command, start tracing before its first instruction, end with it
    -o, --output FILE       write the program's output to a file
    -f, --format FORMAT     text (default) or json, one object a line
    -B MODE                 output buffering: line (default), full, none
    -q, --quiet             leave out the message about attached probes
    -v, --verbose           more messages; the verifier's whole log on failure
    -k, --warnings          warn when reads fail or map keys are missing at run time
        --no-warnings       no warnings
        --unsafe            allow functions and probes that can change the system
        --dry-run           stop after attaching
        --replace NAME      run under a name, in the place of the script that runs under it: no packet meets no program
        --fail-on-loss      end with status 5 when something was lost: events, map updates, parts of strings, stacks
        --test              run the test probes; exit status 1 if one fails
        --bench             run the bench probes and show the time that each takes
        --probe-filter EXPR run only the probes whose name matches a regular expression
        --traceable-functions FILE
                            functions that can be traced, a `symbol` or `symbol [module]` a line
        --no-feature LIST   do without kernel features: kprobe_multi,kprobe_session,uprobe_multi
        --debuginfo DIR     more folders where separate debug files are looked for, separated by colons (repeatable)
        --dwarf-pid PID     another process whose stacks dw_ustack follows (besides those of -p and -c)
        --usdt-file-activation
                            accepted: semaphores of USDT probes are always raised through the file
        --btf FILE          kernel types from a file instead of the running kernel
    -I DIR                  search here for C headers (repeatable)
        --include FILE      as if #include <FILE> came first (repeatable)
        --info              what this kernel and this awl can do
    -h, --help              this text
    -V, --version           version

FOR DEVELOPERS:
    -d, --debug STAGE       show what happens in a stage: ast, types, plan, verbs, codegen, codegen-opt, libbpf, verifier, all
        --emit-elf FILE     write the BPF object
        --emit-llvm FILE    write FILE.original.ll and FILE.optimized.ll
        --verify-llvm-ir    check the generated IR
        --mode MODE         codegen: compile only; compiler-bench: time of each stage; format, test, bench: as --fmt, --test, --bench
        --fmt               print the program in its usual form, as awl fmt

ENVIRONMENT:
    AWL_COLOR, BPFTRACE_COLOR     auto, always, never
    NO_COLOR                      no colours at all
    AWL_BTF, BPFTRACE_BTF         as --btf
    BPFTRACE_MAX_STRLEN ...       settings of the config block; see awl(8)

EXAMPLES:
    awl -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'
        count system calls by process name
    awl -l 'tracepoint:syscalls:*sleep*'
        list tracepoints whose name contains sleep
    awl build -e 'profile:hz:99 { @[kstack] = count(); }' -o stacks && sudo awl-run stacks
        compile here, run elsewhere
)";

}  // namespace awl
