argus_bench(bench_model NEEDS argus::model argus::kernels_cpu USES argus_dnnl OpenMP::OpenMP_CXX fmt::fmt)
