argus_test(tst_channel LABEL unit NEEDS argus::protocol)
