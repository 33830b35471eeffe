# CUDA is optional: on where nvcc is, unless told otherwise. Decided once, when a build folder is configured.
find_program(ARGUS_NVCC nvcc PATHS /usr/local/cuda/bin)
if(ARGUS_NVCC)
    set(argus_cuda_default ON)
else()
    set(argus_cuda_default OFF)
endif()
option(ARGUS_WITH_CUDA "Build the executor for NVIDIA GPUs (needs nvcc; the driver and cuBLASLt only at run time)" ${argus_cuda_default})
set(ARGUS_CUDA_ARCHITECTURES "auto" CACHE STRING
    "Compute capabilities to compile for, such as '75;80;86;89;90a'; 'all': those; 'auto': of this machine's GPUs, 90a without one")

if(NOT ARGUS_WITH_CUDA)
    return()
endif()
if(NOT ARGUS_NVCC)
    message(FATAL_ERROR "ARGUS_WITH_CUDA is ON, but there is no nvcc: install the CUDA Toolkit (12.4 or later) or configure with -DARGUS_WITH_CUDA=OFF")
endif()
set(CMAKE_CUDA_COMPILER ${ARGUS_NVCC})
set(CMAKE_CUDA_ARCHITECTURES OFF) # every target says itself what it is compiled for
enable_language(CUDA)
# CMake 3.25 does not know how nvcc is told of C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
find_package(CUDAToolkit REQUIRED)

set(argus_cuda_architectures ${ARGUS_CUDA_ARCHITECTURES})
if(argus_cuda_architectures STREQUAL "auto")
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
        OUTPUT_VARIABLE argus_capabilities ERROR_QUIET RESULT_VARIABLE argus_smi)
    set(argus_cuda_architectures 90a)
    if(argus_smi EQUAL 0)
        string(REGEX MATCHALL "[0-9]+\\.[0-9]" argus_cuda_architectures "${argus_capabilities}")
        list(TRANSFORM argus_cuda_architectures REPLACE "\\." "")
        list(TRANSFORM argus_cuda_architectures REPLACE "^90$" "90a")
        list(REMOVE_DUPLICATES argus_cuda_architectures)
    endif()
elseif(argus_cuda_architectures STREQUAL "all")
    set(argus_cuda_architectures 75 80 86 89 90a 90-virtual)
endif()

# Flags for device code as an INTERFACE target. '75-virtual' stands for code that the driver compiles when it is loaded.
add_library(argus_cuda_flags INTERFACE)
foreach(architecture IN LISTS argus_cuda_architectures)
    if(architecture MATCHES "^([0-9]+a?)-virtual$")
        set(argus_generate "arch=compute_${CMAKE_MATCH_1},code=compute_${CMAKE_MATCH_1}")
    else()
        set(argus_generate "arch=compute_${architecture},code=sm_${architecture}")
    endif()
    target_compile_options(argus_cuda_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-gencode ${argus_generate}>")
endforeach()
target_compile_options(argus_cuda_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-O3 --expt-relaxed-constexpr -Xcompiler=-fPIC -Xcompiler=-ffp-contract=off -diag-suppress=177>")
