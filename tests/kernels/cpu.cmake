argus_test(tst_linear LABEL unit NEEDS argus::kernels_cpu USES PkgConfig::hwy)
argus_test(tst_attention LABEL unit NEEDS argus::kernels_cpu USES PkgConfig::hwy)
argus_test(tst_row_kernels LABEL unit NEEDS argus::kernels_cpu USES PkgConfig::hwy)
