-- Put jobs into :delayed. Mirrors LuaScripts::later, for any number of jobs.
--
-- KEYS  1 :delayed
-- ARGV  for each job: Unix time when it is due, payload
for i = 1, #ARGV, 2 do
  add_unique(KEYS[1], ARGV[i], ARGV[i + 1])
end
return #ARGV / 2
