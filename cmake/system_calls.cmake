# cmake -DCOMPILER=cc -DOUTPUT=system_calls.cpp -P system_calls.cmake
# The numbers of the system calls that the C library's headers know.
execute_process(COMMAND ${COMPILER} -E -dM -x c -include sys/syscall.h /dev/null OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "#define __NR_[a-z0-9_]+ [0-9]+" lines "${text}")
list(TRANSFORM lines REPLACE "#define __NR_([a-z0-9_]+) ([0-9]+)" "{\"\\1\", \\2}")
list(JOIN lines ",\n    " rows)
file(WRITE ${OUTPUT} "#include \"builtins/system_calls.h\"

namespace awl {

static constexpr SystemCall rows[] = {
    ${rows},
};
const std::span<const SystemCall> system_calls = rows;

}  // namespace awl
")
