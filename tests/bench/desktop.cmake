if(ARGUS_WITH_GUI)
    argus_bench(bench_desktop USES Qt6::Core STARTS argus argus-node argus-executor-cpu argus-decoder)
endif()
