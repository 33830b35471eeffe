# positions and vision windows: arithmetic on ids and grids
argus_test(tst_positions LABEL unit NEEDS argus::model)
argus_test(tst_vision_windows LABEL unit NEEDS argus::model)
argus_test(tst_model_load LABEL unit NEEDS argus::model)
argus_test(tst_patch_source LABEL unit NEEDS argus::model argus::golden)
argus_test(tst_footprint LABEL unit NEEDS argus::model)
argus_test(tst_sharding LABEL unit NEEDS argus::model)
argus_test(tst_taken_bytes LABEL unit NEEDS argus::model USES fmt::fmt)
