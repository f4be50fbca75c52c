package schism

// The agent is built from source on first use, in the user's own module: importing it here makes that module's go.sum complete.
import _ "github.com/schismtest/schism/agent"
