-- append(list, notify, values): RPUSH all values, and one wake-up token each, in groups of 100 as Laravel does
-- (a Lua call takes a limited number of arguments).
local ones = {}
for i = 1, 100 do
  ones[i] = '1'
end
local function append(list, notify, values)
  for first = 1, #values, 100 do
    local last = math.min(first + 99, #values)
    redis.call('RPUSH', list, unpack(values, first, last))
    redis.call('RPUSH', notify, unpack(ones, 1, last - first + 1))
  end
end
