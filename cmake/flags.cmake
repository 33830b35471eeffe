# Flags as INTERFACE targets, linked by argus_library(); nothing touches CMAKE_CXX_FLAGS.
add_library(argus_warnings INTERFACE)
target_compile_options(argus_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion -Wno-sign-conversion)
if(ARGUS_WARNINGS_AS_ERRORS)
    target_compile_options(argus_warnings INTERFACE -Werror)
endif()

add_library(argus_hardening INTERFACE)
target_compile_options(argus_hardening INTERFACE -fstack-protector-strong $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
# Same numbers on every machine and compiler: contraction into FMA happens only where a kernel asks for it.
target_compile_options(argus_hardening INTERFACE -ffp-contract=off)

add_library(argus_sanitizers INTERFACE)
if(ARGUS_SANITIZE)
    list(JOIN ARGUS_SANITIZE "," argus_sanitize_list)
    target_compile_options(argus_sanitizers INTERFACE -fsanitize=${argus_sanitize_list} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(argus_sanitizers INTERFACE -fsanitize=${argus_sanitize_list})
endif()
if(ARGUS_WITH_FUZZERS)
    # Coverage for the whole engine, the fuzzing main only for the targets under tests/fuzz.
    target_compile_options(argus_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Whether engine/protocol/fault_hooks.h is there or nothing; whoever includes it links this.
add_library(argus_fault_hooks INTERFACE)
target_compile_definitions(argus_fault_hooks INTERFACE ARGUS_FAULT_HOOKS=$<BOOL:${ARGUS_WITH_FAULT_HOOKS}>)
