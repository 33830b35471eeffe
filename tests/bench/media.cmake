argus_bench(bench_media NEEDS argus::media argus::executor argus::kernels_cpu argus::kernels_image USES PkgConfig::jpeg STARTS argus-decoder argus-decoder-av)
target_compile_definitions(bench_media PRIVATE ARGUS_DECODER="$<TARGET_FILE:argus-decoder>")
