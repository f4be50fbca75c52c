package schism

// In a module that requires schism the agent is built from source: importing it here makes that module's go.sum complete.
import _ "github.com/schismtest/schism/agent"
