find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(FLEX REQUIRED)
find_package(BISON 3.8 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
pkg_check_modules(ELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(BPF REQUIRED IMPORTED_TARGET libbpf>=1.4)

# ELF reading (elfutils' libelf).
add_library(awl_elf INTERFACE)
target_link_libraries(awl_elf INTERFACE PkgConfig::ELF ZLIB::ZLIB)

# elfutils' libdw: the static archive where there is one. Of it only the readers of DWARF are taken, which need nothing but libelf; the shared
# library would also make the loader read several decompressors at each start.
pkg_check_modules(DW REQUIRED libdw)
find_library(AWL_LIBDW NAMES libdw.a dw HINTS ${DW_LIBRARY_DIRS} REQUIRED)
add_library(awl_dwarf INTERFACE)
target_include_directories(awl_dwarf SYSTEM INTERFACE ${DW_INCLUDE_DIRS})
target_link_libraries(awl_dwarf INTERFACE ${AWL_LIBDW} PkgConfig::ELF ZLIB::ZLIB)

add_library(awl_libbpf INTERFACE)
target_link_libraries(awl_libbpf INTERFACE PkgConfig::BPF)

# Reading ZIP archives (minizip: the static archive, it needs zlib alone) and lengths of x86 instructions.
find_library(AWL_MINIZIP NAMES libminizip.a minizip REQUIRED)
add_library(awl_archive INTERFACE)
target_link_libraries(awl_archive INTERFACE ${AWL_MINIZIP} ZLIB::ZLIB)
find_library(AWL_ZYDIS NAMES Zydis REQUIRED)
add_library(awl_instructions INTERFACE)
target_link_libraries(awl_instructions INTERFACE ${AWL_ZYDIS})

# BCC's symbol code: the static archive has no LLVM in it, the shared library drags one in.
add_library(awl_symbols INTERFACE)
target_link_libraries(awl_symbols INTERFACE -l:libbcc_bpf.a PkgConfig::BPF PkgConfig::ELF ZLIB::ZLIB LibLZMA::LibLZMA)

# binutils' libiberty: names of Rust functions.
find_library(AWL_LIBIBERTY NAMES libiberty.a REQUIRED)
add_library(awl_demangle INTERFACE)
target_link_libraries(awl_demangle INTERFACE ${AWL_LIBIBERTY})

# LLVM: static, with the BPF target alone. Only codegen may link it.
find_program(AWL_LLVM_CONFIG NAMES llvm-config-19 llvm-config REQUIRED)
function(awl_llvm_config out)
  execute_process(COMMAND ${AWL_LLVM_CONFIG} ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(text)
  set(${out} ${text} PARENT_SCOPE)
endfunction()
awl_llvm_config(AWL_LLVM_INCLUDE --includedir)
awl_llvm_config(AWL_LLVM_LIBS --link-static --libs bpf passes core)
awl_llvm_config(AWL_LLVM_SYSTEM --link-static --system-libs)
awl_llvm_config(AWL_LLVM_LIBDIR --libdir)
awl_llvm_config(AWL_LLVM_BINDIR --bindir)
add_library(awl_llvm INTERFACE)
target_include_directories(awl_llvm SYSTEM INTERFACE ${AWL_LLVM_INCLUDE})
target_compile_definitions(awl_llvm INTERFACE __STDC_CONSTANT_MACROS __STDC_FORMAT_MACROS __STDC_LIMIT_MACROS)
target_link_directories(awl_llvm INTERFACE ${AWL_LLVM_LIBDIR})
target_link_libraries(awl_llvm INTERFACE ${AWL_LLVM_LIBS} ${AWL_LLVM_SYSTEM})

# libclang's C API: declarations alone, the library is loaded when a script has C.
add_library(awl_clang INTERFACE)
target_include_directories(awl_clang SYSTEM INTERFACE ${AWL_LLVM_INCLUDE})
target_link_libraries(awl_clang INTERFACE ${CMAKE_DL_LIBS})

# lld links LLVM's archives in a second where ld takes ten.
if(EXISTS ${AWL_LLVM_BINDIR}/ld.lld)
  add_link_options(-B${AWL_LLVM_BINDIR} -fuse-ld=lld)
endif()
find_program(AWL_CCACHE ccache)
if(AWL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${AWL_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${AWL_CCACHE})
endif()
