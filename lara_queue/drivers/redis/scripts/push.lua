-- Make jobs ready. Mirrors LuaScripts::push, for any number of jobs.
--
-- KEYS  1 list, 2 :notify
-- ARGV  payloads
append(KEYS[1], KEYS[2], ARGV)
return #ARGV
