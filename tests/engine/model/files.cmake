# config.json, generation_config.json and checkpoint files
argus_test(tst_checkpoint LABEL unit NEEDS argus::model)
argus_test(tst_config LABEL unit NEEDS argus::model USES nlohmann_json::nlohmann_json)
