argus_test(tst_resize_bicubic LABEL unit NEEDS argus::kernels_image)
