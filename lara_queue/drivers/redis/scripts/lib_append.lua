-- append(list, notify, values): RPUSH all values, and one wake-up token each, in groups of 100 as Laravel does
-- (a Lua call takes a limited number of arguments).
local function append(list, notify, values)
  local tokens = {}
  for first = 1, #values, 100 do
    local last = math.min(first + 99, #values)
    for i = #tokens + 1, last - first + 1 do
      tokens[i] = '1'
    end
    redis.call('RPUSH', list, unpack(values, first, last))
    redis.call('RPUSH', notify, unpack(tokens, 1, last - first + 1))
  end
end
